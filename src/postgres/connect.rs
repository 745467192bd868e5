//! Connections that are owned: one session, one backend, gone when the owner lets go of it.

use std::ops::Deref;
use std::path::Path;

use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, NoTls};

use super::cache_directory::PORT;

/// The superuser of managed clusters.
const SUPERUSER: &str = "postgres";

/// Where a server is reached: enough to connect to any of its databases.
#[derive(Clone, Debug)]
pub struct Address {
    config: Config,
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
        Address { config }
    }

    /// The server of a URL or `key=value` pairs, and the database that they name, or else `postgres`.
    ///
    /// # Errors
    /// If the text cannot be read. It may hold a password, so none of it is quoted.
    pub fn parse(text: &str) -> Result<(Address, String), String> {
        let mut config: Config = text.parse().map_err(|_| {
            "it is neither a URL such as postgres://user@host:5432/database nor key=value pairs"
                .to_owned()
        })?;
        config.application_name(env!("CARGO_PKG_NAME"));
        let database = config.get_dbname().unwrap_or("postgres").to_owned();
        Ok((Address { config }, database))
    }

    /// Host, port and role, for messages.
    #[must_use]
    pub fn describe(&self) -> String {
        let hosts: Vec<String> = self
            .config
            .get_hosts()
            .iter()
            .map(|host| match host {
                tokio_postgres::config::Host::Tcp(name) => name.clone(),
                tokio_postgres::config::Host::Unix(path) => path.display().to_string(),
            })
            .collect();
        let port = self.config.get_ports().first().copied().unwrap_or(PORT);
        let user = self.config.get_user().unwrap_or("the default role");
        format!("{}:{port} as {user}", hosts.join(","))
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

    /// The driver's configuration for one database of this server.
    #[must_use]
    pub fn database(&self, name: &str) -> Config {
        let mut config = self.config.clone();
        config.dbname(name);
        config
    }

    /// Opens a session of one's own.
    ///
    /// # Errors
    /// If the server refuses.
    pub async fn connect(&self, database: &str) -> Result<Session, tokio_postgres::Error> {
        let (client, connection) = self.database(database).connect(NoTls).await?;
        let driver = tokio::spawn(async move {
            // An error here reaches the owner through the statement it is waiting for.
            let _ = connection.await;
        });
        Ok(Session {
            client: Some(client),
            driver: Some(driver),
        })
    }
}

/// A connection that is used by its owner alone.
#[derive(Debug)]
pub struct Session {
    client: Option<Client>,
    driver: Option<JoinHandle<()>>,
}

impl Session {
    /// Ends the session and waits until everything was said to the server.
    pub async fn close(mut self) {
        drop(self.client.take());
        if let Some(driver) = self.driver.take() {
            let _ = driver.await;
        }
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
