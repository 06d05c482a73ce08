//! Files that are published with the beginning of their SHA-256 and without
//! their size, as PyTorch's weights are.

use std::path::Path;

use super::transfer;
use super::{Got, Options, Progress, fetch};
use crate::error::{Action, DataError, MirrorFailure, WantedFile};
use crate::hash;

/// Fewest digits of a SHA-256 that decide.
const DIGITS: usize = 8;

/// Whether a SHA-256 is the expected one, or begins with the digits that are known.
pub(super) fn agrees(expected: &str, got: &str) -> bool {
    expected.len() >= DIGITS && got.starts_with(expected)
}

/// Sees to it that `name` is in `folder`: fetched from `url`, whole by the
/// length that the server announces, right by the first digits of its SHA-256
/// (at least 8).
///
/// # Errors
/// [`DataError::OfflineFile`] if it would have to be fetched offline,
/// [`DataError::Busy`], [`DataError::Download`] if it was not delivered or is
/// another file, or [`DataError::Io`].
pub fn published(
    name: &str,
    url: &str,
    sha256: &str,
    folder: &Path,
    options: &Options,
    progress: &mut dyn Progress,
) -> Result<Got, DataError> {
    let path = folder.join(name);
    if path.is_file() {
        let got = hash::of_file(&path).map_err(DataError::io(&path, Action::Read))?;
        if agrees(sha256, &got) {
            return Ok(Got::Present { folder: folder.to_owned() });
        }
    }
    if options.offline {
        let (file, url, sha256) = (name.to_owned(), url.to_owned(), sha256.to_owned());
        return Err(DataError::OfflineFile { file, url, sha256, folder: folder.to_owned() });
    }
    let size = transfer::size_of(url, options).map_err(|reason| DataError::Download {
        file: name.to_owned(),
        failures: vec![MirrorFailure { url: url.to_owned(), reason }],
        folder: folder.to_owned(),
    })?;
    let file =
        WantedFile { name: name.to_owned(), size, sha256: sha256.to_owned(), urls: vec![url.to_owned()] };
    fetch(&file, folder, options, progress)?;
    Ok(Got::Fetched { folder: folder.to_owned(), files: 1 })
}
