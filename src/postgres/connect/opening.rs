//! The first session: servers and ways of reaching them are tried in libpq's order until one lets it in.
//!
//! Source: PostgreSQL's documentation of libpq, "Specifying Multiple Hosts" and `sslmode`. A server that cannot be reached, does not
//! answer in time or will not do makes room for the next; one that refuses the user ends the search.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::Arc;

use tokio_postgres::Config;
use tokio_postgres::config::{SslMode as DriverSslMode, SslNegotiation};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::{Circumstances, Failure};
use super::route::Origin;
use super::{Address, AddressError, ConnectError, Opened, Session, tls};
use crate::postgres::conninfo::{Conninfo, Host, RootCertificate, Server, SslMode, TargetSession};

/// Finds the server that will do.
pub(super) async fn open(conninfo: &Conninfo) -> Result<Opened, AddressError> {
    let tls = tls::connector(&conninfo.encryption)?;
    let targets: &[TargetSession] = match conninfo.target {
        TargetSession::PreferStandby => &[TargetSession::Standby, TargetSession::Any],
        ref only => std::slice::from_ref(only),
    };
    let mut servers: Vec<&Server> = conninfo.servers.iter().collect();
    if conninfo.random_order {
        let order = RandomState::new();
        servers.sort_by_cached_key(|server| order.hash_one(server.describe()));
    }
    let mut errors = Vec::new();
    for target in targets {
        errors.clear();
        for server in &servers {
            match reach(conninfo, server, &tls, *target).await {
                Ok((address, session)) => {
                    return Ok(Opened {
                        address,
                        session,
                        warnings: conninfo.warnings.clone(),
                    });
                }
                Err(error) if error.leaves_others() => errors.push(error),
                Err(error) => {
                    errors.push(error);
                    return Err(ConnectError::of(errors).into());
                }
            }
        }
    }
    Err(ConnectError::of(errors).into())
}

/// One server, at each of its addresses.
async fn reach(
    conninfo: &Conninfo,
    server: &Server,
    tls: &MakeRustlsConnect,
    target: TargetSession,
) -> Result<(Address, Session), ConnectError> {
    let mut errors = Vec::new();
    for place in places(conninfo, server).await? {
        let mut address = address(conninfo, server, &place, tls);
        match reach_in_some_way(&mut address, &conninfo.encryption.mode, &place).await {
            Ok(session) => match address.suits(&session, target).await {
                Ok(()) => return Ok((address, session)),
                Err(error) => errors.push(error),
            },
            Err(error) if error.leaves_others() => errors.push(error),
            Err(error) => return Err(error),
        }
    }
    Err(ConnectError::of(errors))
}

/// Where a server is, its name looked up.
#[derive(Clone, Copy, Debug)]
enum Place {
    Socket,
    Address(IpAddr),
}

async fn places(conninfo: &Conninfo, server: &Server) -> Result<Vec<Place>, ConnectError> {
    let name = match &server.host {
        Host::Socket(_) => return Ok(vec![Place::Socket]),
        Host::Address(address, _) => return Ok(vec![Place::Address(*address)]),
        Host::Name(name) => name,
    };
    let unknown = |reason: String| ConnectError::UnknownHost {
        host: name.clone(),
        reason,
    };
    let looking = tokio::net::lookup_host((name.as_str(), server.port));
    let found = match conninfo.connect_timeout {
        Some(limit) => tokio::time::timeout(limit, looking)
            .await
            .map_err(|_| unknown("nobody answers".to_owned()))?,
        None => looking.await,
    };
    let found = found.map_err(|error| unknown(error.to_string()))?;
    Ok(found.map(|found| Place::Address(found.ip())).collect())
}

/// The address of one place, pinned; whether with TLS is still open.
fn address(
    conninfo: &Conninfo,
    server: &Server,
    place: &Place,
    tls: &MakeRustlsConnect,
) -> Address {
    let mut config = Config::new();
    match (place, &server.host) {
        (Place::Address(address), _) => {
            let name = server
                .name()
                .map_or_else(|| address.to_string(), str::to_owned);
            config.host(name).hostaddr(*address);
        }
        (Place::Socket, Host::Socket(directory)) => {
            config.host_path(directory);
        }
        (Place::Socket, _) => {}
    }
    config
        .port(server.port)
        .user(&conninfo.user)
        .application_name(&conninfo.application_name)
        .channel_binding(conninfo.channel_binding);
    if let Some(password) = &server.password {
        config.password(password.expose());
    }
    if let Some(options) = &conninfo.options {
        config.options(options);
    }
    if let Some(limit) = conninfo.connect_timeout {
        config.connect_timeout(limit);
    }
    if conninfo.encryption.direct {
        config.ssl_negotiation(SslNegotiation::Direct);
    }
    watch_over(&mut config, conninfo);
    Address {
        config: Box::new(config),
        tls: tls.clone(),
        limit: conninfo.connect_timeout,
        given: conninfo.database.clone(),
        circumstances: Arc::new(circumstances(conninfo, server)),
        origin: Origin::Text(conninfo.text.clone()),
    }
}

fn watch_over(config: &mut Config, conninfo: &Conninfo) {
    let keepalives = conninfo.keepalives;
    if let Some(on) = keepalives.on {
        config.keepalives(on);
    }
    if let Some(idle) = keepalives.idle {
        config.keepalives_idle(idle);
    }
    if let Some(interval) = keepalives.interval {
        config.keepalives_interval(interval);
    }
    if let Some(count) = keepalives.count {
        config.keepalives_retries(count);
    }
    if let Some(timeout) = keepalives.user_timeout {
        config.tcp_user_timeout(timeout);
    }
}

fn circumstances(conninfo: &Conninfo, server: &Server) -> Circumstances {
    Circumstances {
        server: server.describe(),
        user: conninfo.user.clone(),
        mode: conninfo.encryption.mode,
        trusted: match &conninfo.encryption.root {
            RootCertificate::File(path) => path.display().to_string(),
            RootCertificate::System => "the system's list (sslrootcert=system)".to_owned(),
            RootCertificate::Unchecked => String::new(),
        },
        direct: conninfo.encryption.direct,
        password_from: server.password_from.clone(),
        warnings: conninfo.warnings.clone(),
    }
}

/// With and without TLS, in the order of the mode. The address keeps the way that worked.
async fn reach_in_some_way(
    address: &mut Address,
    mode: &SslMode,
    place: &Place,
) -> Result<Session, ConnectError> {
    use DriverSslMode::{Disable, Require};
    let ways: &[DriverSslMode] = match (place, mode) {
        // Nothing is encrypted on a unix socket.
        (Place::Socket, _) | (_, SslMode::Disable) => &[Disable],
        (_, SslMode::Allow) => &[Disable, Require],
        (_, SslMode::Prefer) => &[Require, Disable],
        (_, SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull) => &[Require],
    };
    let database = address.maintenance().to_owned();
    let mut errors = Vec::new();
    for way in ways {
        address.config.ssl_mode(*way);
        match address.try_to_connect(&database, None).await {
            Ok(session) => return Ok(session),
            Err(failure) => {
                let another_way = failure.may_depend_on_tls();
                // What a server without TLS answers is nothing to report where TLS is only preferred.
                if !(failure.is_no_tls() && ways.len() > 1) {
                    errors.push(failure.explain(&address.circumstances, &database));
                }
                if !another_way {
                    break;
                }
            }
        }
    }
    Err(ConnectError::of(errors))
}

impl Address {
    /// Whether the server is one of those wanted.
    async fn suits(&self, session: &Session, target: TargetSession) -> Result<(), ConnectError> {
        if target == TargetSession::Any {
            return Ok(());
        }
        let sql = "select pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('transaction_read_only') = 'on'";
        let failed =
            |error| Failure::Driver(error).explain(&self.circumstances, self.maintenance());
        let row = session.query_one(sql, &[]).await.map_err(failed)?;
        let (standby, read_only): (bool, bool) = (row.get(0), row.get(1));
        let (suits, is, wanted) = match target {
            TargetSession::ReadWrite => (!read_only, "cannot be written to", "read-write"),
            TargetSession::ReadOnly => (read_only, "can be written to", "read-only"),
            TargetSession::Primary => (!standby, "is a standby", "primary"),
            TargetSession::Standby | TargetSession::PreferStandby => {
                (standby, "is no standby", "standby")
            }
            TargetSession::Any => (true, "", "any"),
        };
        if suits {
            return Ok(());
        }
        Err(ConnectError::Unsuitable {
            server: self.circumstances.server.clone(),
            is,
            wanted,
        })
    }
}
