//! Where a test works: a directory of its own that the server's account can reach, and that never outlives the tests.
//!
//! All of them lie under one directory of this process, in the system's directory for temporary files: the server's account has to
//! get there, which a checkout in a closed home forbids, and the path has to be short enough for a unix socket. A test's directory
//! goes with the test. The top directory goes with the process, also when that is killed: a shell waits for the end of a pipe that
//! only this process holds, and then removes it.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::processes::end_servers_in;

/// The longest directory for temporary files that leaves room for ours and for a socket's name in it.
const LONGEST_TEMPORARY_DIRECTORY: usize = 40;

/// What removes the top directory. A server that is ending writes into it for a moment more, so it is tried several times.
const REMOVE_AT_THE_END: &str = r#"cat; for try in 1 2 3 4 5 6 7 8 9 10; do rm -rf -- "$1"; [ -e "$1" ] || exit 0; sleep 0.5; done"#;

/// Cache directories that no test is using, with clusters and fixtures earlier tests have made in them.
static WARM: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// A test's directory, with a cache directory for the program.
#[derive(Debug)]
pub(crate) struct Place {
    directory: TempDir,
    /// Borrowed from [`WARM`].
    warm: Option<PathBuf>,
}

impl Place {
    /// A place whose cache directory does not exist yet.
    pub(crate) fn new() -> Place {
        let directory = tempfile::Builder::new()
            .prefix("")
            .rand_bytes(4)
            .tempdir_in(top())
            .expect("makes a directory for the test");
        open_to_all(directory.path());
        Place {
            directory,
            warm: None,
        }
    }

    /// A place whose cache directory other tests have used and will use again: nobody else uses it at the same time, and it may
    /// hold a cluster and fixtures already. For tests that leave it in order.
    pub(crate) fn with_warm_cache() -> Place {
        let mut place = Place::new();
        let known = WARM.lock().unwrap_or_else(PoisonError::into_inner).pop();
        place.warm = Some(known.unwrap_or_else(another_cache));
        place
    }

    /// The test's directory.
    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The program's cache directory.
    pub(crate) fn cache(&self) -> PathBuf {
        self.warm
            .clone()
            .unwrap_or_else(|| self.path().join("cache"))
    }

    /// Where runs leave their folders.
    pub(crate) fn out(&self) -> PathBuf {
        self.path().join("out")
    }

    /// Writes a file, with the folders on the way to it; gives its path.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        let folder = path.parent().expect("a file lies in a folder");
        fs::create_dir_all(folder).expect("makes the folder");
        fs::write(&path, text).expect("writes the file");
        path
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        end_servers_in(&self.cache());
        end_servers_in(self.path());
        if let Some(cache) = self.warm.take() {
            WARM.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(cache);
        }
    }
}

/// The one folder in `directory` whose name fits.
pub(crate) fn only_entry(directory: &Path, fits: impl Fn(&OsStr) -> bool) -> PathBuf {
    let mut found: Vec<PathBuf> = fs::read_dir(directory)
        .unwrap_or_else(|error| panic!("cannot read {}: {error}", directory.display()))
        .map(|entry| entry.expect("reads the folder").path())
        .filter(|path| path.file_name().is_some_and(&fits))
        .collect();
    assert_eq!(found.len(), 1, "one of them: {found:?}");
    found.remove(0)
}

/// Asks again and again until there is an answer; fails after a time nothing on this machine should take.
pub(crate) fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "waited a minute for {what}"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A new cache directory that no place owns; it goes with this process.
pub(crate) fn another_cache() -> PathBuf {
    tempfile::Builder::new()
        .prefix("warm-")
        .rand_bytes(4)
        .tempdir_in(top())
        .map(TempDir::keep)
        .inspect(|path| open_to_all(path))
        .expect("makes a cache directory")
}

/// The directory of this process.
fn top() -> &'static Path {
    static TOP: OnceLock<(PathBuf, Child)> = OnceLock::new();
    let (path, _remover) = TOP.get_or_init(|| {
        let path = tempfile::Builder::new()
            .prefix("pgqa-")
            .tempdir_in(temporary_directory())
            .expect("makes a directory for the tests")
            .keep();
        // As /proc shows it.
        let path = path.canonicalize().expect("finds the directory");
        open_to_all(&path);
        let remover = remove_at_the_end(&path);
        (path, remover)
    });
    path
}

/// The shell, which holds the other end of its pipe: ours is closed when this process ends.
fn remove_at_the_end(path: &Path) -> Child {
    Command::new("sh")
        .args(["-c", REMOVE_AT_THE_END, "remove"])
        .arg(path)
        // Not in the group that Ctrl-C at the terminal ends, and holding nothing that cargo waits for.
        .process_group(0)
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("starts a shell")
}

fn temporary_directory() -> PathBuf {
    let usual = std::env::temp_dir();
    let short = usual.as_os_str().len() <= LONGEST_TEMPORARY_DIRECTORY;
    // As root the server runs under another account, which has to get there.
    let open = usual.ancestors().all(|directory| {
        fs::metadata(directory).is_ok_and(|meta| meta.permissions().mode() & 0o001 != 0)
    });
    if short && (open || !is_root()) {
        usual
    } else {
        PathBuf::from("/tmp")
    }
}

/// Whether this process is root.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Whatever the umask says.
fn open_to_all(directory: &Path) {
    fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).expect("opens the directory");
}
