//! A file that is written and synced as PostgreSQL writes its log: 8 kB over others, then fdatasync. It goes when it is dropped.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Its name. One is enough: whoever writes it holds the cluster's lock.
const NAME: &str = "disk-sync-test";

/// A block, as PostgreSQL is usually built.
const BLOCK: usize = 8192;

/// Blocks of the file. They are there before anything is timed, as in a recycled segment of WAL: no sync has to write a new size.
const BLOCKS: u64 = 16;

/// The file.
#[derive(Debug)]
pub struct SyncFile {
    file: File,
    path: PathBuf,
    next: u64,
}

impl SyncFile {
    /// Makes it in a directory, in the place of one that was left behind by a process that was killed.
    ///
    /// # Errors
    /// If the file system refuses.
    pub fn create(directory: &Path) -> std::io::Result<SyncFile> {
        let path = directory.join(NAME);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)?;
        let mut sync_file = SyncFile {
            file,
            path,
            next: 0,
        };
        for _ in 0..BLOCKS {
            sync_file.file.write_all(&[0; BLOCK])?;
        }
        sync_file.file.sync_all()?;
        Ok(sync_file)
    }

    /// Writes the next block and syncs it; says how long that took.
    ///
    /// # Errors
    /// If the file system refuses.
    pub fn write(&mut self) -> std::io::Result<Duration> {
        let place = self.next % BLOCKS;
        self.next += 1;
        // Never the same as before: nobody may find that there is nothing to write.
        let block = [(self.next % 251) as u8; BLOCK];
        let started = Instant::now();
        self.file.seek(SeekFrom::Start(place * BLOCK as u64))?;
        self.file.write_all(&block)?;
        self.file.sync_data()?;
        Ok(started.elapsed())
    }
}

impl Drop for SyncFile {
    fn drop(&mut self) {
        // What cannot be removed now, the next one made here removes.
        let _ = std::fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_writes_over_itself_and_goes() {
        let top = tempfile::tempdir().expect("a temporary directory");
        let path = top.path().join(NAME);
        std::fs::write(&path, "left behind").expect("writes");
        let mut file = SyncFile::create(top.path()).expect("makes it");
        for _ in 0..=BLOCKS {
            file.write().expect("writes");
        }
        let bytes = std::fs::read(&path).expect("reads");
        assert_eq!(bytes.len() as u64, BLOCKS * BLOCK as u64);
        assert_eq!(
            (bytes[0], bytes[BLOCK]),
            (17, 2),
            "the first was written twice"
        );
        drop(file);
        assert!(!path.exists());
    }

    #[test]
    fn a_directory_that_is_not_there_is_an_error() {
        let top = tempfile::tempdir().expect("a temporary directory");
        assert!(SyncFile::create(&top.path().join("gone")).is_err());
    }
}
