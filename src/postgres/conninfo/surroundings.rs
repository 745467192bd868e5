//! What a connection string leaves to its surroundings: variables, the home directory, the account, the usual socket.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use nix::unistd::{Uid, User};

/// Where a package's libpq looks for a socket: Debian's and Red Hat's first, PostgreSQL's own default last.
const SOCKET_DIRECTORIES: [&str; 3] = ["/var/run/postgresql", "/run/postgresql", "/tmp"];

/// Where system-wide service files are: Debian's place, Red Hat's, and that of a PostgreSQL built by hand.
const SYSTEM_DIRECTORIES: [&str; 3] = ["/etc/postgresql-common", "/etc", "/usr/local/pgsql/etc"];

/// The surroundings of a connection. A value of its own, so that a test has others than the machine it runs on.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// Environment variables; only those named `PG…` are read.
    pub variables: BTreeMap<String, String>,
    /// The home directory, with `.pgpass`, `.pg_service.conf` and `.postgresql/`.
    pub home: Option<PathBuf>,
    /// Name of the account, which a role is named like if nobody says otherwise.
    pub account: Option<String>,
    /// The directory of the usual unix socket.
    pub socket_directory: PathBuf,
    /// Directories with a system-wide `pg_service.conf`.
    pub system_directories: Vec<PathBuf>,
}

impl Surroundings {
    /// Those of this process. A variable that is not UTF-8 is left out.
    #[must_use]
    pub fn of_this_process() -> Surroundings {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .filter(|(name, _)| name.starts_with("PG"))
            .collect();
        let user = User::from_uid(Uid::effective()).ok().flatten();
        let home = std::env::var_os("HOME")
            .filter(|home| !home.is_empty())
            .map(PathBuf::from);
        let socket_directory = SOCKET_DIRECTORIES
            .iter()
            .map(Path::new)
            .find(|directory| directory.is_dir());
        Surroundings {
            variables,
            home: home.or_else(|| user.as_ref().map(|user| user.dir.clone())),
            account: user.map(|user| user.name),
            socket_directory: socket_directory.unwrap_or(Path::new("/tmp")).to_path_buf(),
            system_directories: SYSTEM_DIRECTORIES.map(PathBuf::from).to_vec(),
        }
    }

    /// A variable; one that is set to nothing counts, as libpq has it.
    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// A file in the home directory.
    pub(super) fn in_home(&self, name: &str) -> Option<PathBuf> {
        self.home.as_ref().map(|home| home.join(name))
    }
}
