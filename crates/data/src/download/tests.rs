//! A whole set, from a server on this machine. Single files and servers that
//! misbehave are in `tests/download.rs`.

#![allow(dead_code)] // shares the server, of which little is needed

#[path = "../../tests/server/mod.rs"]
mod server;

use std::fs;

use server::{Behaviour, Server, content};

use super::{Event, Got, Options, get_files};
use crate::error::DataError;
use crate::hash;
use crate::locate::Locations;
use crate::registry::{FILE_NAMES, FileInfo, FileSet, Format, SETS};

const SIZE: usize = 5000;

fn set(server: &Server) -> &'static FileSet {
    let mirror: &'static str = server.url("").leak();
    let sha256: &'static str = hash::of_bytes(&content(SIZE)).leak();
    let file =
        |name| FileInfo { name, size: SIZE as u64, sha256, content_size: SIZE as u64, content_sha256: None };
    let mirrors: &'static [&'static str] = vec![mirror].leak();
    let files: &'static [FileInfo] = Box::leak(Box::new(FILE_NAMES.map(file)));
    Box::leak(Box::new(FileSet { format: Format::Idx, folders: &["mnist"], mirrors, files }))
}

#[test]
fn a_set_is_fetched_once_and_repaired() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(SIZE, Behaviour::Good);
    let files = set(&server);
    let info = SETS.iter().find(|s| s.id == "mnist").unwrap();
    let places = Locations::only(dir.path());
    let folder = dir.path().join("mnist");
    let options = Options { env_proxy: false, ..Options::default() };
    let get = |offline| {
        get_files(info, files, &places, &Options { offline, ..options.clone() }, &mut |_: Event<'_>| {})
    };

    assert_eq!(get(false).unwrap(), Got::Fetched { folder: folder.clone(), files: 4 });
    assert_eq!(server.requests().len(), 4);
    // Everything is there: no request, not even a refusal.
    assert_eq!(get(true).unwrap(), Got::Present { folder: folder.clone() });

    // One is missing.
    fs::remove_file(folder.join("t10k-images-idx3-ubyte.gz")).unwrap();
    match get(true).unwrap_err() {
        DataError::Offline { files, .. } => {
            assert_eq!(files.len(), 1);
            assert_eq!(files[0].name, "t10k-images-idx3-ubyte.gz");
        }
        other => panic!("{other}"),
    }
    assert_eq!(get(false).unwrap(), Got::Fetched { folder: folder.clone(), files: 1 });

    // One is damaged, one is hidden by a damaged unpacked file.
    fs::write(folder.join("train-labels-idx1-ubyte.gz"), b"damaged").unwrap();
    fs::write(folder.join("t10k-labels-idx1-ubyte"), b"damaged").unwrap();
    assert_eq!(get(false).unwrap(), Got::Fetched { folder: folder.clone(), files: 2 });
    assert_eq!(fs::read(folder.join("train-labels-idx1-ubyte.gz.old")).unwrap(), b"damaged");
    assert_eq!(fs::read(folder.join("t10k-labels-idx1-ubyte.old")).unwrap(), b"damaged");
    assert_eq!(get(true).unwrap(), Got::Present { folder });
    assert_eq!(server.requests().len(), 7);
}
