//! Fetching the files of a set: the only part that uses the network.
//!
//! What holds for every file: mirrors in order; a connection, an answer and
//! every single read have a time limit, so nothing ever hangs; a mirror below
//! a speed floor is given up for the next one; what has arrived stays in a
//! `.part` file and is continued; size and SHA-256 decide; and a file appears
//! under its name only when it is whole and right.
//!
//! Proxies are taken from the environment by `ureq` itself.
//!
//! Inside: this file decides what is fetched from where, `transfer.rs` does one
//! request, `lock.rs` keeps two processes apart. Deliberately not here: async,
//! parallel downloads, archives (nothing is unpacked).

mod lock;
mod published;
mod transfer;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{Action, DataError, MirrorFailure, MirrorReason, WantedFile};
use crate::hash;
use crate::locate::Locations;
use crate::registry::{self, FileSet, SetInfo, Source};
use crate::verify;

pub use published::published;
use transfer::{Stop, Transfer};

/// How downloads behave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Refuse to use the network.
    pub offline: bool,
    /// Limit for finding and connecting to a mirror.
    pub connect_timeout: Duration,
    /// Limit for its answer to begin.
    pub answer_timeout: Duration,
    /// Bytes per second below which a mirror is given up while there are others.
    pub floor: u64,
    /// Time over which speed is measured, and limit for one byte to come.
    pub window: Duration,
    /// Connections to one mirror, when they break on the way.
    pub tries: u32,
    /// How long to wait for another process that downloads into the folder.
    pub lock_wait: Duration,
    /// Whether to use the proxies of the environment.
    pub env_proxy: bool,
}

impl Default for Options {
    /// On line; 10 s to connect, 15 s to answer, 200 kB/s over 15 s, 3 tries,
    /// one minute for another process.
    fn default() -> Self {
        Options {
            offline: false,
            connect_timeout: Duration::from_secs(10),
            answer_timeout: Duration::from_secs(15),
            floor: 200_000,
            window: Duration::from_secs(15),
            tries: 3,
            lock_wait: Duration::from_secs(60),
            env_proxy: true,
        }
    }
}

/// What happens during a download.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Another process holds the lock; waiting for it.
    Waiting {
        /// The lock file.
        lock: &'a Path,
    },
    /// A mirror sends.
    Begin {
        /// The file.
        file: &'a str,
        /// The address.
        mirror: &'a str,
        /// Bytes that are already here.
        resumed: u64,
        /// Bytes of the file.
        total: u64,
    },
    /// Bytes came.
    Bytes {
        /// The file.
        file: &'a str,
        /// The address.
        mirror: &'a str,
        /// Bytes that are here.
        received: u64,
        /// Bytes of the file.
        total: u64,
    },
    /// A mirror did not deliver; the next one is tried.
    MirrorFailed {
        /// The file.
        file: &'a str,
        /// What went wrong.
        failure: &'a MirrorFailure,
    },
    /// A file is in place, with the right content.
    Done {
        /// The file.
        file: &'a str,
        /// Where it is.
        path: &'a Path,
    },
}

/// Is told what happens during a download. Any `FnMut(Event)` will do.
pub trait Progress {
    /// Something happened.
    fn event(&mut self, event: Event<'_>);
}

impl<F: FnMut(Event<'_>)> Progress for F {
    fn event(&mut self, event: Event<'_>) {
        self(event);
    }
}

/// What [`get`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Got {
    /// Nothing: the set needs no files.
    BuiltIn,
    /// Nothing: the files were there and are right.
    Present {
        /// Where they are.
        folder: PathBuf,
    },
    /// Files were fetched.
    Fetched {
        /// Where they are.
        folder: PathBuf,
        /// How many were missing.
        files: usize,
    },
}

/// Sees to it that the files of a set are on this machine.
///
/// # Errors
/// [`DataError::UnknownSet`], [`DataError::NoFolder`], [`DataError::Offline`],
/// [`DataError::Busy`], [`DataError::Download`] if no mirror delivered, or
/// [`DataError::Io`].
pub fn get(
    name: &str,
    locations: &Locations,
    options: &Options,
    progress: &mut dyn Progress,
) -> Result<Got, DataError> {
    let set = registry::set(name)?;
    match &set.source {
        Source::Files(files) => get_files(set, files, locations, options, progress),
        Source::Embedded | Source::Procedural(_) => Ok(Got::BuiltIn),
    }
}

fn get_files(
    set: &'static SetInfo,
    files: &'static FileSet,
    locations: &Locations,
    options: &Options,
    progress: &mut dyn Progress,
) -> Result<Got, DataError> {
    match registry::find(set, files, locations) {
        Ok(found) => {
            if files.files.iter().all(|file| verify::verify_file(file, files, &found.folder).verdict.is_ok())
            {
                return Ok(Got::Present { folder: found.folder });
            }
        }
        Err(DataError::Missing { .. }) => {}
        Err(error) => return Err(error),
    }
    let folder = locations.download_folder(set.id).ok_or(DataError::NoFolder)?;
    let missing = || -> Vec<WantedFile> {
        let mut missing = Vec::new();
        for file in files.files {
            if !verify::verify_file(file, files, &folder).verdict.is_ok() {
                missing.push(file.wanted(files));
            }
        }
        missing
    };
    if options.offline {
        return Err(DataError::Offline { set: set.id, files: missing(), folder });
    }
    fs::create_dir_all(&folder).map_err(DataError::io(&folder, Action::MakeFolder))?;
    let _lock = lock::acquire(&folder, options.lock_wait, progress)?;
    // Only now: another process may have fetched them while this one waited.
    let missing = missing();
    for file in &missing {
        fetch_locked(file, &folder, options, progress)?;
        // An unpacked file is read before its archive, and this one is wrong.
        set_aside(&folder.join(file.name.trim_end_matches(".gz")))?;
    }
    Ok(match missing.len() {
        0 => Got::Present { folder },
        files => Got::Fetched { folder, files },
    })
}

/// Moves a file that is to be replaced out of the way: it may be somebody's own.
fn set_aside(path: &Path) -> Result<(), DataError> {
    if !path.is_file() {
        return Ok(());
    }
    let mut aside = path.as_os_str().to_owned();
    aside.push(".old");
    let aside = PathBuf::from(aside);
    fs::rename(path, &aside).map_err(DataError::io(aside, Action::Rename))
}

/// Fetches one file into a folder, whether or not it is there.
///
/// # Errors
/// [`DataError::Busy`], [`DataError::Download`] if no mirror delivered, or
/// [`DataError::Io`].
pub fn fetch(
    file: &WantedFile,
    folder: &Path,
    options: &Options,
    progress: &mut dyn Progress,
) -> Result<PathBuf, DataError> {
    fs::create_dir_all(folder).map_err(DataError::io(folder, Action::MakeFolder))?;
    let _lock = lock::acquire(folder, options.lock_wait, progress)?;
    fetch_locked(file, folder, options, progress)
}

/// All mirrors in order, above the speed floor; then once more those that were
/// slow, the fastest first, at whatever speed: who has a slow line has no
/// faster mirror.
fn fetch_locked(
    file: &WantedFile,
    folder: &Path,
    options: &Options,
    progress: &mut dyn Progress,
) -> Result<PathBuf, DataError> {
    let target = folder.join(&file.name);
    let transfer = Transfer::new(file, folder.join(format!("{}.part", file.name)), options);
    let mut failures: Vec<MirrorFailure> = Vec::new();
    let mut slow: Vec<(u64, &str)> = Vec::new();
    let mut attempt = |url: &str, floor: u64, progress: &mut dyn Progress| match from_mirror(
        &transfer,
        url,
        floor,
        options.tries,
        progress,
    ) {
        Ok(()) => Ok(None),
        Err(Stop::Local(error)) => Err(error),
        Err(Stop::Mirror(reason)) => {
            let rate = match &reason {
                MirrorReason::TooSlow { rate, .. } => Some(*rate),
                MirrorReason::Stalled { received } if *received > 0 => Some(0),
                _ => None,
            };
            failures.push(MirrorFailure { url: url.to_owned(), reason });
            if let Some(failure) = failures.last() {
                progress.event(Event::MirrorFailed { file: &file.name, failure });
            }
            Ok(Some(rate))
        }
    };
    let mut done = false;
    for url in &file.urls {
        match attempt(url, options.floor, progress)? {
            None => {
                done = true;
                break;
            }
            Some(Some(rate)) => slow.push((rate, url)),
            Some(None) => {}
        }
    }
    slow.sort_by_key(|(rate, _)| std::cmp::Reverse(*rate));
    for (_, url) in slow {
        if done {
            break;
        }
        done = attempt(url, 0, progress)?.is_none();
    }
    if !done {
        return Err(DataError::Download { file: file.name.clone(), failures, folder: folder.to_owned() });
    }
    set_aside(&target)?;
    put_in_place(&transfer.part, &target)?;
    progress.event(Event::Done { file: &file.name, path: &target });
    Ok(target)
}

/// One mirror, with another connection where the last one broke.
fn from_mirror(
    transfer: &Transfer<'_>,
    url: &str,
    floor: u64,
    tries: u32,
    progress: &mut dyn Progress,
) -> Result<(), Stop> {
    let mut tries_left = tries.max(1);
    loop {
        tries_left -= 1;
        let resumed = transfer.already_here()? > 0;
        match transfer.run(url, floor, progress) {
            Ok(()) => {}
            Err(Stop::Mirror(MirrorReason::Interrupted { received, .. }))
                if received > 0 && tries_left > 0 =>
            {
                continue;
            }
            Err(stop) => return Err(stop),
        }
        let part = &transfer.part;
        let got = hash::of_file(part).map_err(DataError::io(part, Action::Read)).map_err(Stop::Local)?;
        if published::agrees(&transfer.file.sha256, &got) {
            return Ok(());
        }
        transfer.discard()?;
        // What was continued may have been wrong from the start, through no
        // fault of this mirror: it gets the chance to send the whole file.
        if !(resumed && tries_left > 0) {
            let expected = transfer.file.sha256.clone();
            return Err(Stop::Mirror(MirrorReason::Checksum { expected, got }));
        }
    }
}

/// On disk first, then under its name, then the name on disk.
fn put_in_place(part: &Path, target: &Path) -> Result<(), DataError> {
    let synced = fs::File::options().write(true).open(part).and_then(|file| file.sync_all());
    synced.map_err(DataError::io(part, Action::Write))?;
    fs::rename(part, target).map_err(DataError::io(target, Action::Rename))?;
    // Not every system can sync a folder, and the file itself is safe.
    if let Some(folder) = target.parent() {
        let _ = fs::File::open(folder).and_then(|folder| folder.sync_all());
    }
    Ok(())
}

#[cfg(test)]
mod tests;
