//! The servers that a connection string names, each with its port and password.

use std::net::IpAddr;
use std::path::PathBuf;

use super::values::Values;
use super::{ConninfoError, MAINTENANCE, Secret, Surroundings, password_file};

/// The port where nobody names one.
const PORT: u16 = 5432;

/// Where a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// A unix socket in this directory.
    Socket(PathBuf),
    /// A name that is looked up.
    Name(String),
    /// An address, and the name its certificate is checked against, if one was given.
    Address(IpAddr, Option<String>),
}

/// One server to try.
#[derive(Clone, Debug)]
pub struct Server {
    /// Where it is.
    pub host: Host,
    /// Its port.
    pub port: u16,
    /// The password for it.
    pub password: Option<Secret>,
    /// Where the password was found, for messages.
    pub password_from: String,
}

impl Server {
    /// Host and port, for messages.
    #[must_use]
    pub fn describe(&self) -> String {
        let port = self.port;
        match &self.host {
            Host::Socket(directory) => format!("{}/.s.PGSQL.{port}", directory.display()),
            Host::Address(IpAddr::V6(address), None) => format!("[{address}]:{port}"),
            Host::Address(address, None) => format!("{address}:{port}"),
            Host::Name(name) | Host::Address(_, Some(name)) if name.contains(':') => {
                format!("[{name}]:{port}")
            }
            Host::Name(name) | Host::Address(_, Some(name)) => format!("{name}:{port}"),
        }
    }

    /// The name that its certificate has to bear.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match &self.host {
            Host::Name(name) | Host::Address(_, Some(name)) => Some(name),
            Host::Socket(_) | Host::Address(_, None) => None,
        }
    }
}

/// The servers, in the order they were named.
///
/// # Errors
/// If lists do not match, or what stands in them is no port or address.
pub(super) fn servers(
    values: &Values,
    surroundings: &Surroundings,
    user: &str,
    database: Option<&str>,
    warnings: &mut Vec<String>,
) -> Result<Vec<Server>, ConninfoError> {
    let hosts = list(values, "host");
    let addresses = list(values, "hostaddr");
    let ports = list(values, "port");
    if let (Some(hosts), Some(addresses)) = (&hosts, &addresses) {
        same_length(hosts.len(), addresses.len(), "hostaddr")?;
    }
    let count = hosts.as_ref().or(addresses.as_ref()).map_or(1, Vec::len);
    let ports = ports.unwrap_or_default();
    if ports.len() > 1 {
        same_length(count, ports.len(), "port")?;
    }
    let mut passwords = Passwords::new(values, surroundings, warnings);
    let at = |list: &Option<Vec<&str>>, index: usize| {
        list.as_ref()
            .and_then(|list| list.get(index).copied())
            .unwrap_or_default()
            .trim()
            .to_owned()
    };
    (0..count)
        .map(|index| {
            let port = ports
                .get(index)
                .or(ports.first())
                .copied()
                .unwrap_or_default();
            let port = port_number(values, port)?;
            let host = host(
                values,
                surroundings,
                at(&hosts, index),
                &at(&addresses, index),
            )?;
            // The usual socket is `localhost` in a password file.
            let name = match &host {
                Host::Socket(directory) if *directory == surroundings.socket_directory => {
                    "localhost".to_owned()
                }
                Host::Socket(directory) => directory.display().to_string(),
                Host::Name(name) | Host::Address(_, Some(name)) => name.clone(),
                Host::Address(address, None) => address.to_string(),
            };
            let (password, password_from) = passwords.of(password_file::Wanted {
                host: &name,
                port,
                database: database.unwrap_or(MAINTENANCE),
                user,
            });
            Ok(Server {
                host,
                port,
                password,
                password_from,
            })
        })
        .collect()
}

fn list<'v>(values: &'v Values, name: &str) -> Option<Vec<&'v str>> {
    values.get(name).map(|text| text.split(',').collect())
}

fn same_length(hosts: usize, others: usize, setting: &'static str) -> Result<(), ConninfoError> {
    if hosts == others {
        return Ok(());
    }
    Err(ConninfoError::Lists {
        hosts,
        others,
        setting,
    })
}

fn port_number(values: &Values, text: &str) -> Result<u16, ConninfoError> {
    if text.trim().is_empty() {
        return Ok(PORT);
    }
    let port = text.trim().parse::<u16>().ok().filter(|port| *port > 0);
    port.ok_or_else(|| values.wrong("port", "a port is a number from 1 to 65535"))
}

fn host(
    values: &Values,
    surroundings: &Surroundings,
    name: String,
    address: &str,
) -> Result<Host, ConninfoError> {
    if name.starts_with('@') {
        return Err(ConninfoError::Refused {
            setting: "host",
            origin: values.origin("host").to_owned(),
            reason: "the driver reaches no socket in the abstract namespace; name the directory of an ordinary one",
        });
    }
    if !address.is_empty() {
        let address = address.parse().map_err(|_| {
            values.wrong(
                "hostaddr",
                "it is an IPv4 or IPv6 address; a name belongs into host",
            )
        })?;
        return Ok(Host::Address(address, (!name.is_empty()).then_some(name)));
    }
    if name.is_empty() {
        return Ok(Host::Socket(surroundings.socket_directory.clone()));
    }
    if name.starts_with('/') {
        return Ok(Host::Socket(PathBuf::from(name)));
    }
    Ok(match name.parse() {
        Ok(address) => Host::Address(address, Some(name)),
        Err(_) => Host::Name(name),
    })
}

/// The one password that was given, else the password file.
struct Passwords<'v> {
    given: Option<(Secret, &'v str)>,
    file: Option<(String, String)>,
}

impl<'v> Passwords<'v> {
    fn new(
        values: &'v Values,
        surroundings: &Surroundings,
        warnings: &mut Vec<String>,
    ) -> Passwords<'v> {
        let given = values
            .get("password")
            .map(|text| (Secret::new(text), values.origin("password")));
        let path = values
            .get("passfile")
            .map(PathBuf::from)
            .or_else(|| surroundings.in_home(".pgpass"));
        // Without need the file is not even looked at.
        let path = path.filter(|_| given.is_none());
        let file = path.and_then(|path| {
            let text = password_file::read(&path, warnings)?;
            Some((text, format!("password file {}", path.display())))
        });
        Passwords { given, file }
    }

    fn of(&mut self, wanted: password_file::Wanted) -> (Option<Secret>, String) {
        if let Some((password, origin)) = &self.given {
            return (Some(password.clone()), (*origin).to_owned());
        }
        let found = self
            .file
            .as_ref()
            .and_then(|(text, origin)| Some((password_file::look_up(text, wanted)?, origin)));
        match found {
            Some((password, origin)) => (Some(password), origin.clone()),
            None => (None, "nowhere".to_owned()),
        }
    }
}
