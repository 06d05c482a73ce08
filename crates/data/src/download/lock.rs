//! One process at a time in a folder.
//!
//! The operating system's file lock ends with the process that holds it, even
//! if it is killed: there are no stale locks to guess about. The lock file
//! itself stays; removing it would let two processes lock two files of the
//! same name.

use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::{Event, Progress};
use crate::error::{Action, DataError};

/// Name of the lock file.
pub(super) const NAME: &str = ".kobai-lock";

/// Held as long as it lives.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

/// Waits for the folder, at most `wait`.
pub(super) fn acquire(folder: &Path, wait: Duration, progress: &mut dyn Progress) -> Result<Lock, DataError> {
    let path = folder.join(NAME);
    let opened = File::options().create(true).truncate(false).write(true).open(&path);
    let file = opened.map_err(DataError::io(&path, Action::Lock))?;
    let start = Instant::now();
    let mut told = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Lock { _file: file }),
            // Some network file systems have no locks. Without one, the worst
            // case is a wrong hash and a second download.
            Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => {
                return Ok(Lock { _file: file });
            }
            Err(TryLockError::Error(error)) => return Err(DataError::io(&path, Action::Lock)(error)),
            Err(TryLockError::WouldBlock) if start.elapsed() >= wait => {
                return Err(DataError::Busy { lock: path });
            }
            Err(TryLockError::WouldBlock) => {
                if !told {
                    progress.event(Event::Waiting { lock: &path });
                    told = true;
                }
                sleep(Duration::from_millis(50).min(wait));
            }
        }
    }
}
