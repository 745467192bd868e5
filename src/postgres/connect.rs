//! Connections that are owned: one session, one backend, gone when the owner lets go of it.

mod error;
mod libpq;
mod local;
mod opening;
mod route;
mod tls;

use std::future::poll_fn;
use std::ops::Deref;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_postgres::error::{DbError, SqlState};
use tokio_postgres::{AsyncMessage, Client, Config, Connection, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::cache_directory::PORT;
use super::conninfo::{Conninfo, MAINTENANCE, SslMode, Surroundings};
pub use error::{AddressError, ConnectError};
use error::{Circumstances, Failure};
use local::LocalSocket;
use route::Origin;
pub use route::Route;

/// The superuser of managed clusters.
const SUPERUSER: &str = "postgres";

/// How sessions of workers call themselves, before the worker's number.
const WORKER: &str = concat!(env!("CARGO_PKG_NAME"), " worker ");

/// The number of the worker whose session calls itself so; none if it is no worker's.
#[must_use]
pub fn worker_number(application: &str) -> Option<u64> {
    application.strip_prefix(WORKER)?.parse().ok()
}

/// Where one server is reached: enough to connect to any of its databases, each time to the same server in the same way.
#[derive(Clone)]
pub struct Address {
    config: Box<Config>,
    tls: MakeRustlsConnect,
    /// How long a session may take to be ready.
    limit: Option<Duration>,
    given: Option<String>,
    circumstances: Arc<Circumstances>,
    origin: Origin,
}

/// The server that was reached first, with the session that reached it.
#[derive(Debug)]
pub struct Opened {
    /// Where it is.
    pub address: Address,
    /// A session in the maintenance database.
    pub session: Session,
    /// What was passed over, for the user to know.
    pub warnings: Vec<String>,
}

impl Address {
    /// The managed server with its socket in this directory.
    #[must_use]
    pub fn socket(directory: &Path) -> Address {
        let mut config = Config::new();
        config
            .host_path(directory)
            .port(PORT)
            .user(SUPERUSER)
            .application_name(env!("CARGO_PKG_NAME"));
        config.ssl_mode(tokio_postgres::config::SslMode::Disable);
        Address {
            config: Box::new(config),
            tls: tls::unused(),
            limit: None,
            given: None,
            circumstances: Arc::new(Circumstances {
                server: format!("{}/.s.PGSQL.{PORT}", directory.display()),
                user: SUPERUSER.to_owned(),
                mode: SslMode::Disable,
                trusted: String::new(),
                direct: false,
                password_from: "nowhere".to_owned(),
                warnings: Vec::new(),
            }),
            origin: Origin::Socket(directory.into()),
        }
    }

    /// The server that a connection string means: the first of those it names that lets a session in and will do. The string is
    /// completed as libpq does it. Later sessions go to the same server, in the same way.
    ///
    /// # Errors
    /// If the string cannot be used or no server will do; no password is ever in the error.
    pub async fn of(text: &str, surroundings: &Surroundings) -> Result<Opened, AddressError> {
        let conninfo = Conninfo::resolve(text, surroundings)?;
        opening::open(&conninfo).await
    }

    /// The same server for sessions that find the tables of one schema without naming it, and no others; they call themselves
    /// `application`.
    #[must_use]
    pub fn in_schema(&self, schema: &str, application: &str) -> Address {
        // In a list of options a space separates and a backslash escapes.
        let path = format!("\"{}\"", schema.replace('"', "\"\""));
        let path = path.replace('\\', "\\\\").replace(' ', "\\ ");
        let before = self
            .config
            .get_options()
            .map_or(String::new(), |options| format!("{options} "));
        let mut address = self.clone();
        address
            .config
            .options(format!("{before}-c search_path={path}"))
            .application_name(application);
        address
    }

    /// The same server for the sessions of one worker, which tell its number, from 1, to whoever looks at sessions.
    #[must_use]
    pub fn for_worker(&self, number: u64) -> Address {
        self.named(&format!("{WORKER}{number}"))
    }

    /// The same server for sessions that call themselves `application`.
    #[must_use]
    pub fn named(&self, application: &str) -> Address {
        let mut address = self.clone();
        address.config.application_name(application);
        address
    }

    /// The driver's configuration for one database of this server.
    #[must_use]
    pub fn database(&self, name: &str) -> Config {
        let mut config = Config::clone(&self.config);
        config.dbname(name);
        config
    }

    /// What TLS connections to this server are made with; where there is no TLS, the configuration does not ask for it.
    #[must_use]
    pub fn tls(&self) -> MakeRustlsConnect {
        self.tls.clone()
    }

    /// The database that others are made from and dropped from: the one the user named, else `postgres`.
    #[must_use]
    pub fn maintenance(&self) -> &str {
        self.given_database().unwrap_or(MAINTENANCE)
    }

    /// The database the user named, if any.
    #[must_use]
    pub fn given_database(&self) -> Option<&str> {
        self.given.as_deref()
    }

    /// Server and user, for messages.
    #[must_use]
    pub fn describe(&self) -> String {
        let Circumstances { server, user, .. } = &*self.circumstances;
        format!("{server} as user {user}")
    }

    /// Whether sessions are encrypted.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.config.get_ssl_mode() == tokio_postgres::config::SslMode::Require
    }

    /// Opens a session of one's own.
    ///
    /// # Errors
    /// If the server refuses, or does not answer in time.
    pub async fn connect(&self, database: &str) -> Result<Session, ConnectError> {
        let failed = |failure: Failure| failure.explain(&self.circumstances, database);
        self.try_to_connect(database, None).await.map_err(failed)
    }

    /// Opens a session of one's own that hands on what it is notified of: each notification wakes whoever waits for `wake`.
    ///
    /// # Errors
    /// If the server refuses, or does not answer in time.
    pub async fn connect_listening(
        &self,
        database: &str,
        wake: Arc<Notify>,
    ) -> Result<Session, ConnectError> {
        let failed = |failure: Failure| failure.explain(&self.circumstances, database);
        let opened = self.try_to_connect(database, Some(wake)).await;
        opened.map_err(failed)
    }

    /// The time limit covers everything until the session is ready: a server may take the connection and never answer.
    async fn try_to_connect(
        &self,
        database: &str,
        wake: Option<Arc<Notify>>,
    ) -> Result<Session, Failure> {
        let connecting = self.reach(database, wake);
        match self.limit {
            Some(limit) => tokio::time::timeout(limit, connecting)
                .await
                .map_err(|_| Failure::TimedOut(limit))?,
            None => connecting.await,
        }
        .map_err(Failure::Driver)
    }

    async fn reach(
        &self,
        database: &str,
        wake: Option<Arc<Notify>>,
    ) -> Result<Session, tokio_postgres::Error> {
        let config = self.database(database);
        if let Origin::Socket(directory) = &self.origin {
            let file = directory.join(format!(".s.PGSQL.{PORT}"));
            // Where there is no way in, the driver finds that too, and says it in its own words.
            if let Ok(socket) = LocalSocket::connect(&file).await {
                let (client, connection) = config.connect_raw(socket, NoTls).await?;
                return Ok(Session::driven(client, connection, wake));
            }
        }
        let (client, connection) = config.connect(self.tls()).await?;
        Ok(Session::driven(client, connection, wake))
    }
}

impl std::fmt::Debug for Address {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Address({})", self.describe())
    }
}

/// A connection that is used by its owner alone.
pub struct Session {
    client: Option<Client>,
    driver: Option<JoinHandle<()>>,
    /// Why the server ended it, while nobody waited for an answer.
    last_word: Arc<OnceLock<SqlState>>,
    /// Who hears its notices.
    listener: Arc<Mutex<Option<Listener>>>,
}

/// Is given each notice of a session as it arrives, before the answer of the statement that it belongs to.
type Listener = Box<dyn FnMut(&DbError) + Send>;

/// As long as it lives, the notices of a session are heard.
#[must_use]
pub struct Listening<'s>(&'s Mutex<Option<Listener>>);

impl Drop for Listening<'_> {
    fn drop(&mut self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

fn hand_over(listener: &Mutex<Option<Listener>>, notice: &DbError) {
    let mut listener = listener.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(listener) = listener.as_mut() {
        listener(notice);
    }
}

fn keep_last_word(last_word: &OnceLock<SqlState>, error: &tokio_postgres::Error) {
    if let Some(code) = error.code() {
        let _ = last_word.set(code.clone());
    }
}

impl Session {
    /// A session whose connection lives as a task beside its owner.
    fn driven<S, T>(
        client: Client,
        mut connection: Connection<S, T>,
        wake: Option<Arc<Notify>>,
    ) -> Session
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let last_word = Arc::new(OnceLock::new());
        let heard = Arc::clone(&last_word);
        let listener = Arc::new(Mutex::new(None));
        let listening = Arc::clone(&listener);
        let driver = tokio::spawn(async move {
            while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
                match (message, &wake) {
                    (Ok(AsyncMessage::Notification(_)), Some(wake)) => wake.notify_one(),
                    (Ok(AsyncMessage::Notice(notice)), _) => hand_over(&listening, &notice),
                    (Ok(_), _) => {}
                    // It reaches the owner through the statement it is waiting for; if it is waiting for none, only that it is closed.
                    (Err(error), _) => {
                        keep_last_word(&heard, &error);
                        break;
                    }
                }
            }
        });
        Session {
            client: Some(client),
            driver: Some(driver),
            last_word,
            listener,
        }
    }

    /// Gives each notice to `listener` as it arrives, until what is returned is dropped; otherwise notices are not kept. A notice is heard
    /// before the statement that caused it has its answer.
    pub fn listen(&self, listener: impl FnMut(&DbError) + Send + 'static) -> Listening<'_> {
        let mut heard = self.listener.lock().unwrap_or_else(PoisonError::into_inner);
        *heard = Some(Box::new(listener));
        drop(heard);
        Listening(&self.listener)
    }

    /// Why the server ended it while nobody waited for an answer; none where it has not, or did not say.
    #[must_use]
    pub fn ended_with(&self) -> Option<&SqlState> {
        self.last_word.get()
    }

    /// Ends the session and waits until everything was said to the server.
    pub async fn close(mut self) {
        drop(self.client.take());
        if let Some(driver) = self.driver.take() {
            let _ = driver.await;
        }
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = formatter.debug_struct("Session");
        shown.field("client", &self.client);
        shown.field("last_word", &self.last_word);
        shown.finish_non_exhaustive()
    }
}

impl Deref for Session {
    type Target = Client;

    fn deref(&self) -> &Client {
        self.client
            .as_ref()
            .expect("a session has its client until it is closed")
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(driver) = self.driver.take() {
            driver.abort();
        }
    }
}
