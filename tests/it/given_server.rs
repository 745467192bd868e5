//! A server of the user's own, as the tests have it: set up as asked, never touched by the program's own hand, read by its log.
//!
//! It runs under the account a managed server would, in the test's directory. A shell is its parent and waits for the end of a pipe
//! that only this process holds: the server ends with the test, with a test that panics and with tests that are killed.

mod certificates;
mod keeper;
mod pooler;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};

use pgq_analyze::postgres::account::Account;
use pgq_analyze::postgres::binaries::Installation;
use tokio_postgres::{Config, NoTls, SimpleQueryMessage};

pub(crate) use certificates::{CLIENT, Certificates, Validity};
use keeper::Keeper;
pub(crate) use pooler::{PoolMode, Pooler};

use crate::place::{Place, wait_for};
use crate::program::installation;

/// The superuser, who needs no password on the unix socket.
pub(crate) const SUPERUSER: &str = "postgres";

/// How the server is set up; the default is a unix socket where anybody may come in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options<'o> {
    /// Whether it listens on 127.0.0.1 too.
    pub(crate) tcp: bool,
    /// Certificate and key it offers TLS with; asks for client certificates of the same authority.
    pub(crate) tls: Option<&'o Certificates>,
    /// Lines of pg_hba.conf, after the superuser's own on the unix socket; without any, everybody is let in from anywhere.
    pub(crate) access: &'o [&'o str],
    /// Further lines of postgresql.conf.
    pub(crate) settings: &'o [&'o str],
    /// Whether it is a standby (of nobody): it recovers for ever, and is read only.
    pub(crate) standby: bool,
}

/// A running server. Dropped, it is gone.
#[derive(Debug)]
pub(crate) struct GivenServer {
    directory: PathBuf,
    port: u16,
    account: Account,
    keeper: Option<Keeper>,
}

impl GivenServer {
    /// Makes a cluster and starts its server; it takes connections when this returns.
    #[track_caller]
    pub(crate) fn start(place: &Place, options: &Options) -> GivenServer {
        let installation = installation();
        let account = Account::pick(None).unwrap_or_else(|error| panic!("{error}"));
        let directory = new_directory(place, "given", &account);
        let data = directory.join("data");
        initialise(&installation, &account, &data);
        let port = free_port();
        append(
            &data.join("postgresql.conf"),
            &settings(&directory, port, options),
        );
        if options.tls.is_some() {
            install_key(&directory, &account, options);
        }
        let superuser = format!("local all {SUPERUSER} trust");
        let everybody = ["local all all trust", "host all all all trust"];
        let access = if options.access.is_empty() {
            &everybody
        } else {
            options.access
        };
        fs::write(
            data.join("pg_hba.conf"),
            format!("{superuser}\n{}\n", access.join("\n")),
        )
        .expect("writes pg_hba.conf");
        if options.standby {
            fs::write(data.join("standby.signal"), "").expect("makes it a standby");
        }
        let mut server = GivenServer {
            directory,
            port,
            account,
            keeper: None,
        };
        server.restart();
        server
    }

    /// Ends it at once, if it runs, and starts it; it takes connections when this returns.
    #[track_caller]
    pub(crate) fn restart(&mut self) {
        drop(self.keeper.take());
        let data = self.data();
        let mut command = vec![installation().bin_dir.join("postgres").into_os_string()];
        command.extend(["-D".into(), data.clone().into_os_string()]);
        let log = self.directory.join("log");
        // SIGQUIT is an immediate shutdown: what the cluster has written last is of no use to anybody.
        let keeper = Keeper::start(&self.account, "QUIT", &command, &log);
        wait_for("the given server", || {
            keeper.expect_running(&log);
            let status = fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
            let status = status.lines().nth(7).map(str::trim);
            matches!(status, Some("ready" | "standby")).then_some(())
        });
        self.keeper = Some(keeper);
    }

    /// The directory of its unix socket.
    pub(crate) fn socket_directory(&self) -> &Path {
        &self.directory
    }

    /// The port of its socket, and of 127.0.0.1 where it listens.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Its data directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    /// The superuser's URL of a database, over the unix socket.
    pub(crate) fn url(&self, database: &str) -> String {
        let directory = self.socket_directory().display().to_string();
        let directory = directory.replace('/', "%2F");
        format!(
            "postgres://{SUPERUSER}@{directory}:{}/{database}",
            self.port
        )
    }

    /// The URL of a database over TCP, for `user` (`name` or `name:password`).
    pub(crate) fn tcp_url(&self, user: &str, database: &str) -> String {
        format!("postgres://{user}@127.0.0.1:{}/{database}", self.port)
    }

    /// Everything it has logged so far; each line has `app=… user=… db=…` in front.
    pub(crate) fn log(&self) -> String {
        let bytes = fs::read(self.directory.join("log")).expect("reads the server's log");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Runs SQL as superuser over the unix socket and gives all its rows as text, NULL as nothing at all.
    #[track_caller]
    pub(crate) fn sql(&self, database: &str, sql: &str) -> Vec<Vec<String>> {
        let mut config: Config = self.url(database).parse().expect("a URL");
        config.application_name("the test itself");
        // A thread of its own: the test may be inside a runtime.
        let rows = std::thread::scope(|scope| scope.spawn(|| query(&config, sql)).join());
        rows.expect("runs SQL")
            .unwrap_or_else(|error| panic!("{sql}: {error:?}"))
    }
}

fn query(config: &Config, sql: &str) -> Result<Vec<Vec<String>>, tokio_postgres::Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("makes a runtime");
    runtime.block_on(async {
        let (client, connection) = config.connect(NoTls).await?;
        let connection = tokio::spawn(connection);
        let messages = client.simple_query(sql).await?;
        drop(client);
        let _ = connection.await;
        let rows = messages.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        let cells = |row: &tokio_postgres::SimpleQueryRow| {
            (0..row.len())
                .map(|column| row.get(column).unwrap_or_default().to_owned())
                .collect()
        };
        Ok(rows.map(cells).collect())
    })
}

/// A new directory in the place that belongs to the account.
fn new_directory(place: &Place, name: &str, account: &Account) -> PathBuf {
    static MADE: AtomicUsize = AtomicUsize::new(0);
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    let directory = place.path().join(format!("{name}-{number}"));
    fs::create_dir(&directory).expect("makes a directory");
    account
        .own(&std::fs::File::open(&directory).expect("opens it"))
        .expect("gives it to the account");
    directory
}

fn initialise(installation: &Installation, account: &Account, data: &Path) {
    let mut command = Command::new(installation.bin_dir.join("initdb"));
    if installation.version.major >= 18 {
        // As on the versions before, whose default that is.
        command.arg("--no-data-checksums");
    }
    command
        .args(["--username", SUPERUSER, "--auth", "trust", "--no-sync"])
        .args(["--encoding", "UTF8", "--locale", "C"])
        .arg("--pgdata")
        .arg(data)
        .env_clear()
        .env("LC_ALL", "C")
        .env("PATH", "/usr/bin:/bin")
        .stdin(Stdio::null());
    let output = account.run_as(&mut command).output().expect("runs initdb");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
}

fn settings(directory: &Path, port: u16, options: &Options) -> String {
    let listen = if options.tcp || options.tls.is_some() {
        "127.0.0.1"
    } else {
        ""
    };
    let directory = directory.display();
    let mut text = format!(
        "listen_addresses = '{listen}'\nport = {port}\nunix_socket_directories = '{directory}'\n\
         fsync = off\nshared_buffers = 32MB\nlog_statement = all\nlog_connections = on\n\
         log_line_prefix = '%m [%p] app=%a user=%u db=%d '\n"
    );
    if options.tls.is_some() {
        text += &format!(
            "ssl = on\nssl_cert_file = '{directory}/server.crt'\nssl_key_file = '{directory}/server.key'\nssl_ca_file = '{directory}/ca.crt'\n"
        );
    }
    for line in options.settings {
        text += &format!("{line}\n");
    }
    text
}

/// Copies of its own, because the server wants its key to be its account's and closed to others.
fn install_key(directory: &Path, account: &Account, options: &Options) {
    let certificates = options.tls.expect("asked for TLS");
    for (name, from) in [
        ("server.crt", certificates.server()),
        ("server.key", certificates.server_key()),
        ("ca.crt", certificates.authority()),
    ] {
        let to = directory.join(name);
        // Permissions are copied as well.
        fs::copy(from, &to).expect("copies a certificate");
        account
            .own(&std::fs::File::open(&to).expect("opens it"))
            .expect("gives it to the account");
    }
}

fn append(path: &Path, text: &str) {
    let before = fs::read_to_string(path).expect("reads a setting file");
    fs::write(path, format!("{before}\n{text}")).expect("writes a setting file");
}

/// A port nobody listens on, below those the system gives to clients, and not given out twice.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id() % 1500).expect("fits") * 10;
    wait_for("a free port", || {
        let port = 15_000 + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % 15_000;
        std::net::TcpListener::bind(("127.0.0.1", port))
            .is_ok()
            .then_some(port)
    })
}

#[test]
fn a_given_server_is_as_it_was_asked_for() {
    let place = Place::new();
    let certificates = Certificates::make(&place, &["db.test"], Validity::Now);
    let server = GivenServer::start(
        &place,
        &Options {
            tls: Some(&certificates),
            settings: &["work_mem = '5MB'"],
            access: &[
                "hostssl all all 127.0.0.1/32 trust",
                "host all all 127.0.0.1/32 reject",
            ],
            ..Options::default()
        },
    );
    assert_eq!(server.sql("postgres", "show work_mem"), [["5MB"]]);
    assert_eq!(server.sql("postgres", "show ssl"), [["on"]]);
    assert_eq!(server.sql("postgres", "select null"), [[""]]);
    let log = server.log();
    let line = format!("app=the test itself user={SUPERUSER} db=postgres ");
    assert!(
        log.contains(&line) && log.contains("show work_mem"),
        "{log}"
    );
    assert!(server.data().join("base").is_dir());
    let without_tls = server
        .tcp_url("somebody", "postgres")
        .parse::<Config>()
        .map(|config| query(&config, "select 1"));
    let refused = without_tls.expect("a URL").expect_err("TLS only");
    assert!(format!("{refused:?}").contains("rejects"), "{refused:?}");
}

#[test]
fn a_pooler_and_a_standby_are_what_they_seem() {
    let place = Place::new();
    let server = GivenServer::start(&place, &Options::default());
    for mode in [PoolMode::Transaction, PoolMode::Session] {
        let pooler = Pooler::start(&place, &server, mode);
        let config = pooler.url("postgres").parse::<Config>().expect("a URL");
        let port = query(&config, "show port").expect("asks through the pooler");
        assert_eq!(port, [[server.port().to_string()]]);
        let administered = pooler.url("pgbouncer").parse::<Config>().expect("a URL");
        let shown = query(&administered, "show config").expect("asks the pooler");
        let is_mode = |row: &Vec<String>| row[0] == "pool_mode" && row[1] == mode.name();
        assert!(shown.iter().any(is_mode), "{shown:?}");
    }
    let standby = Options {
        standby: true,
        ..Options::default()
    };
    let standby = GivenServer::start(&place, &standby);
    assert_eq!(
        standby.sql("postgres", "select pg_is_in_recovery()"),
        [["t"]]
    );
}
