//! Files that appear whole: written without a name, or under a hidden one, then linked or renamed into place.
//!
//! On Linux the file has no name at all while it is written (`O_TMPFILE`, see open(2)), so a process that is killed leaves
//! nothing behind; where the system or the file system lacks that, a hidden file beside the target takes its place.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Writes `path` whole, replacing the file that is there: whoever reads it sees what it was or what it is, and a process that
/// is killed leaves no half of it.
///
/// # Errors
/// What the system says; what was there before is then still there.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    match create(path, content) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let hidden = write_hidden(path, |hidden| {
                unnamed::create(hidden, content).unwrap_or_else(|| create_in_place(hidden, content))
            })?;
            remove_unless_ok(&hidden, fs::rename(&hidden, path))
        }
        done => done,
    }
}

/// Writes `path`; fails with [`io::ErrorKind::AlreadyExists`] where there is a file of that name.
pub(super) fn create(path: &Path, content: &[u8]) -> io::Result<()> {
    if path.symlink_metadata().is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    unnamed::create(path, content).unwrap_or_else(|| create_from_hidden(path, content))
}

/// [`create`] where there are no files without a name.
fn create_from_hidden(path: &Path, content: &[u8]) -> io::Result<()> {
    let hidden = write_hidden(path, |hidden| create_in_place(hidden, content))?;
    // A link fails where the name is taken, a rename would not; what cannot link (some network file systems) has to rename.
    match fs::hard_link(&hidden, path) {
        Ok(()) => fs::remove_file(&hidden),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            remove_unless_ok(&hidden, Err(error))
        }
        Err(_) => remove_unless_ok(&hidden, fs::rename(&hidden, path)),
    }
}

/// Lets `write` make a file under a hidden name beside `path` and gives that name.
fn write_hidden(path: &Path, write: impl Fn(&Path) -> io::Result<()>) -> io::Result<PathBuf> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    loop {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let hidden = path.with_file_name(format!(".{}-{number}.partial", std::process::id()));
        match write(&hidden) {
            Ok(()) => return Ok(hidden),
            // Left behind by a process of the same id that was killed.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => (),
            Err(error) => return Err(error),
        }
    }
}

fn create_in_place(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = fs::File::create_new(path)?;
    remove_unless_ok(path, io::Write::write_all(&mut file, content))
}

fn remove_unless_ok(path: &Path, done: io::Result<()>) -> io::Result<()> {
    if done.is_err() {
        // The first error is the one to report.
        let _ = fs::remove_file(path);
    }
    done
}

#[cfg(target_os = "linux")]
mod unnamed {
    //! Files without a name.

    use std::fs::File;
    use std::io::{self, Write};
    use std::os::fd::AsRawFd;
    use std::path::Path;

    use rustix::fs::{AtFlags, CWD, Mode, OFlags, linkat, open};
    use rustix::io::Errno;

    /// Writes a file that has no name and links it to `path`; none where the file system or the system cannot do that.
    pub(super) fn create(path: &Path, content: &[u8]) -> Option<io::Result<()>> {
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        let unnamed = match open(
            folder,
            OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC,
            Mode::from_raw_mode(0o666),
        ) {
            Ok(unnamed) => unnamed,
            // What open(2) names for file systems and kernels without O_TMPFILE.
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => return None,
            Err(error) => return Some(Err(error.into())),
        };
        let mut file = File::from(unnamed);
        if let Err(error) = file.write_all(content) {
            return Some(Err(error));
        }
        let descriptor = format!("/proc/self/fd/{}", file.as_raw_fd());
        match linkat(CWD, descriptor, CWD, path, AtFlags::SYMLINK_FOLLOW) {
            Ok(()) => Some(Ok(())),
            Err(Errno::EXIST) => Some(Err(Errno::EXIST.into())),
            // No /proc, or a sandbox that forbids the link: the other way says what is wrong, if anything is.
            Err(_) => None,
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod unnamed {
    //! Files without a name: not on this system.

    use std::io;
    use std::path::Path;

    pub(super) fn create(_: &Path, _: &[u8]) -> Option<io::Result<()>> {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, io};

    use super::{create, create_from_hidden, replace};

    #[test]
    fn a_taken_name_is_never_overwritten_by_create() {
        let folder = tempfile::tempdir().unwrap();
        for create in [create, create_from_hidden] {
            let path = folder.path().join("file");
            create(&path, b"first").unwrap();
            assert_eq!(
                create(&path, b"second").unwrap_err().kind(),
                io::ErrorKind::AlreadyExists
            );
            assert_eq!(fs::read(&path).unwrap(), b"first");
            assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
            fs::remove_file(&path).unwrap();
        }
    }

    #[test]
    fn a_reader_never_sees_half_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let contents = [vec![b'a'; 300_000], vec![b'b'; 200_000]];
        replace(&path, &contents[0]).unwrap();
        std::thread::scope(|scope| {
            let writer = scope
                .spawn(|| (0..200).for_each(|turn| replace(&path, &contents[turn % 2]).unwrap()));
            while !writer.is_finished() {
                let seen = fs::read(&path).unwrap();
                assert!(contents.contains(&seen), "{} bytes", seen.len());
            }
        });
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_in_the_way_is_an_error_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("taken")).unwrap();
        assert!(replace(&folder.path().join("taken"), b"text").is_err());
        assert!(replace(&folder.path().join("absent/file"), b"text").is_err());
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    }
}
