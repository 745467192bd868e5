//! PgBouncer in front of a given server.

use std::ffi::OsString;
use std::fs;
use std::net::TcpStream;
use std::path::Path;

use pgq_analyze::postgres::account::Account;

use super::keeper::Keeper;
use super::{GivenServer, SUPERUSER, free_port, new_directory};
use crate::place::{Place, wait_for};

/// When a server's connection goes back into the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PoolMode {
    /// When its client leaves.
    Session,
    /// When the transaction ends: two statements of one client may meet different sessions.
    Transaction,
    /// A connection of the server is a client's for one statement.
    Statement,
}

impl PoolMode {
    /// Its name in PgBouncer's configuration.
    pub(crate) fn name(self) -> &'static str {
        match self {
            PoolMode::Session => "session",
            PoolMode::Transaction => "transaction",
            PoolMode::Statement => "statement",
        }
    }
}

/// A running PgBouncer on 127.0.0.1 that lets anybody in, as superuser. Dropped, it is gone.
#[derive(Debug)]
pub(crate) struct Pooler {
    port: u16,
    _keeper: Keeper,
}

impl Pooler {
    /// Starts one in front of all databases of a server; it takes connections when this returns.
    #[track_caller]
    pub(crate) fn start(place: &Place, server: &GivenServer, mode: PoolMode) -> Pooler {
        let account: &Account = &server.account;
        let directory = new_directory(place, "pooler", account);
        let port = free_port();
        let configuration = directory.join("pgbouncer.ini");
        let text = format!(
            "[databases]\n* = host={} port={} user={SUPERUSER}\n\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir =\nauth_type = any\nadmin_users = {SUPERUSER}\npool_mode = {}\n",
            server.directory.display(),
            server.port,
            mode.name()
        );
        fs::write(&configuration, text).expect("writes the pooler's configuration");
        let command: [OsString; 2] = [find(), configuration.into_os_string()];
        let log = directory.join("log");
        let keeper = Keeper::start(account, "TERM", &command, &log);
        wait_for("the pooler", || {
            keeper.expect_running(&log);
            TcpStream::connect(("127.0.0.1", port)).ok()
        });
        Pooler {
            port,
            _keeper: keeper,
        }
    }

    /// The URL of a database through the pooler; of `pgbouncer`, the pooler's own console.
    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://{SUPERUSER}@127.0.0.1:{}/{database}", self.port)
    }
}

/// Debian keeps it where only root's PATH looks.
#[track_caller]
fn find() -> OsString {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .chain([Path::new("/usr/sbin").to_path_buf()])
        .map(|directory| directory.join("pgbouncer"))
        .find(|path| path.is_file());
    found.map_or_else(
        || panic!("no pgbouncer in PATH or /usr/sbin: install the package pgbouncer"),
        Into::into,
    )
}
