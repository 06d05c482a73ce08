//! Tar archives, plain or gzip-compressed, read into memory.
//!
//! Nothing is unpacked to the disk, so names inside an archive can do no harm.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use crate::error::{Action, DataError};
use crate::idx::MAX_BYTES;

/// A file of an archive.
pub(crate) struct Member {
    /// Its path in the archive, with `/`.
    pub(crate) path: String,
    pub(crate) bytes: Vec<u8>,
}

/// Whether a file's name is that of an archive.
pub(crate) fn is_archive(file: &Path) -> bool {
    let name = file.file_name().map(|n| n.to_string_lossy().to_lowercase()).unwrap_or_default();
    [".tar", ".tar.gz", ".tgz"].iter().any(|end| name.ends_with(end)) && !name.starts_with('.')
}

/// The files whose paths are `wanted`, in the order of the archive.
pub(crate) fn members(file: &Path, wanted: impl Fn(&str) -> bool) -> Result<Vec<Member>, DataError> {
    let open = File::open(file).map_err(DataError::io(file, Action::Read))?;
    let mut reader = BufReader::with_capacity(1 << 17, open);
    let packed = reader.fill_buf().map_err(DataError::io(file, Action::Read))?.starts_with(&[0x1f, 0x8b]);
    let read = if packed { collect(MultiGzDecoder::new(reader), wanted) } else { collect(reader, wanted) };
    read.map_err(|source| DataError::Archive { file: file.to_owned(), source })
}

fn collect(reader: impl Read, wanted: impl Fn(&str) -> bool) -> io::Result<Vec<Member>> {
    let mut room = MAX_BYTES;
    let mut found = Vec::new();
    for entry in tar::Archive::new(reader).entries()? {
        let entry = entry?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let path = String::from_utf8_lossy(&entry.path_bytes()).replace('\\', "/");
        if !wanted(&path) {
            continue;
        }
        let expected = entry.size();
        let mut bytes = Vec::new();
        entry.take(room + 1).read_to_end(&mut bytes)?;
        let got = bytes.len() as u64;
        if got > room {
            return Err(io::Error::other(format!("more than {MAX_BYTES} B")));
        }
        if got != expected {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        room -= got;
        found.push(Member { path, bytes });
    }
    Ok(found)
}

/// Tests make archives with this.
#[cfg(test)]
pub(crate) fn pack(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, path, *bytes).unwrap();
    }
    builder.into_inner().unwrap()
}
