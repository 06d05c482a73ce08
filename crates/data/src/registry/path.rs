//! What lies at a path: told from the names of the files.

use std::fs;
use std::path::{Path, PathBuf};

use super::{FILE_NAMES, in_folder_one, load_folder};
use crate::archive;
use crate::cifar;
use crate::dataset::Split;
use crate::error::{Action, DataError, FolderProblem};
use crate::folder;

/// Loads what lies at a path.
pub(super) fn load(path: &Path) -> Result<Split, DataError> {
    if archive::is_archive(path) && path.is_file() {
        return load_archive(path);
    }
    // A folder that is not there is told like an empty one of IDX files.
    if !path.exists() || FILE_NAMES.iter().any(|name| in_folder_one(path, name).is_some()) {
        return load_folder(path);
    }
    if !path.is_dir() {
        let problem = FolderProblem::NoPictures;
        return Err(DataError::Pictures { folder: path.to_owned(), problem });
    }
    if let Some(files) = cifar::in_folder(path) {
        return cifar::load(&files, &name_of(path));
    }
    match folder::load(path, None) {
        Err(DataError::Pictures { folder, problem: FolderProblem::NoPictures }) => {
            // A folder around one archive stands for it.
            match archives(path)?.as_slice() {
                [one] => load_archive(one),
                _ => Err(DataError::Pictures { folder, problem: FolderProblem::NoPictures }),
            }
        }
        other => other,
    }
}

fn load_archive(file: &Path) -> Result<Split, DataError> {
    let members = archive::members(file, |path| cifar::is_file(path) || folder::is_picture(path))?;
    if members.iter().any(|member| cifar::is_file(&member.path)) {
        return cifar::from_members(file, members, &name_of(file));
    }
    folder::from_members(file, members)
}

fn archives(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(DataError::io(folder, Action::Read))? {
        let file = entry.map_err(DataError::io(folder, Action::Read))?.path();
        if archive::is_archive(&file) && file.is_file() {
            found.push(file);
        }
    }
    Ok(found)
}

fn name_of(path: &Path) -> String {
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    name.split('.').next().filter(|n| !n.is_empty()).unwrap_or("data").to_owned()
}
