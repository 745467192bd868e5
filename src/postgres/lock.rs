//! A lock file that one process holds for as long as it lives, and that says who it is.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use crate::run::event::{Events, RunEvent};

/// How long to wait between two tries.
const PAUSE: Duration = Duration::from_millis(100);

/// A lock that is held. The system releases it when the process ends, however it ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock, waiting for as long as another process has it, and tells `events` for whom. `holder` is what the next one is told.
    ///
    /// # Errors
    /// If the file cannot be opened, locked or written.
    pub async fn take(path: &Path, holder: &str, events: &Events) -> std::io::Result<Lock> {
        let mut file = open(path)?;
        let mut told = false;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(error),
            }
            if !told {
                let mut text = String::new();
                file.rewind()?;
                file.read_to_string(&mut text)?;
                // The holder writes its name right after it took the lock: an empty file is a moment's matter.
                told = !text.is_empty();
                if told {
                    events.emit(RunEvent::ServerBusy { holder: text });
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
        Lock::held(file, holder)
    }

    /// Takes the lock if nobody has it. `holder` is what others are told.
    ///
    /// # Errors
    /// If the file cannot be opened, locked or written.
    pub fn try_take(path: &Path, holder: &str) -> std::io::Result<Option<Lock>> {
        let file = open(path)?;
        match file.try_lock() {
            Ok(()) => Lock::held(file, holder).map(Some),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn held(mut file: File, holder: &str) -> std::io::Result<Lock> {
        file.set_len(0)?;
        file.rewind()?;
        file.write_all(holder.as_bytes())?;
        Ok(Lock { _file: file })
    }

    /// Who holds the lock at this moment, if anybody does.
    ///
    /// # Errors
    /// If the file is there and cannot be read or locked.
    pub fn holder(path: &Path) -> std::io::Result<Option<String>> {
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                file.read_to_string(&mut text)?;
                Ok(Some(text))
            }
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

/// Opens a lock file, made where there is none. Not both at once: in a directory open to all, Linux refuses to open a file of another
/// user with a request to make it, even to root (`fs.protected_regular`). And never through a link: the file is written to, and who may
/// write into a cache that users share must not choose which.
fn open(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    options.custom_flags(rustix::fs::OFlags::NOFOLLOW.bits() as i32);
    match options.open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        opened => return opened,
    }
    match options.clone().create_new(true).open(path) {
        // Somebody else has made it in this moment.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => options.open(path),
        made => made,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn a_link_in_place_of_a_lock_is_not_followed() {
        let top = tempfile::tempdir().expect("a temporary directory");
        let (letter, lock) = (top.path().join("letter"), top.path().join("lock"));
        std::fs::write(&letter, "dear").expect("writes");
        std::os::unix::fs::symlink(&letter, &lock).expect("links");
        assert!(Lock::try_take(&lock, "a test").is_err());
        assert_eq!(std::fs::read_to_string(&letter).expect("reads"), "dear");
    }

    #[tokio::test]
    async fn the_second_waits_and_is_told_for_whom() {
        let top = tempfile::tempdir().expect("a temporary directory");
        let path = top.path().join("lock");
        let first = Lock::take(&path, "the first (process 1)", &Events::ignored())
            .await
            .expect("locks");
        let heard = Arc::new(Mutex::new(Vec::new()));
        let listener = Arc::clone(&heard);
        let events = Events::new(move |event| listener.lock().expect("not poisoned").push(event));
        let second = tokio::spawn(async move { Lock::take(&path, "the second", &events).await });
        tokio::time::sleep(3 * PAUSE).await;
        assert!(!second.is_finished());
        drop(first);
        second.await.expect("no panic").expect("locks");
        let expected = RunEvent::ServerBusy {
            holder: "the first (process 1)".to_owned(),
        };
        assert_eq!(*heard.lock().expect("not poisoned"), [expected]);
    }
}
