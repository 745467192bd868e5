//! The way to a server for programs of PostgreSQL's own: libpq reads it from their environment, so that no password is in their arguments.

use std::process::Command;

use tokio_postgres::config::Host;

use super::Address;

/// What stays of the surroundings: where programs and certificates are.
const KEPT: [&str; 6] = [
    "PATH",
    "HOME",
    "PGSSLROOTCERT",
    "PGSSLCERT",
    "PGSSLKEY",
    "PGSSLCRL",
];

impl Address {
    /// Gives a command an environment in which libpq reaches a database of this server, and nothing else of the user's; its messages are
    /// English. A password is in it: the command must not be shown.
    pub fn lend_to(&self, command: &mut Command, database: &str) {
        let config = &self.config;
        command.env_clear().env("LC_ALL", "C");
        for name in KEPT {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.env("PGDATABASE", database);
        match config.get_hosts().first() {
            Some(Host::Tcp(name)) => command.env("PGHOST", name),
            Some(Host::Unix(directory)) => command.env("PGHOST", directory),
            None => command,
        };
        if let Some(address) = config.get_hostaddrs().first() {
            command.env("PGHOSTADDR", address.to_string());
        }
        if let Some(port) = config.get_ports().first() {
            command.env("PGPORT", port.to_string());
        }
        if let Some(user) = config.get_user() {
            command.env("PGUSER", user);
        }
        if let Some(password) = config.get_password() {
            use std::os::unix::ffi::OsStrExt;
            command.env("PGPASSWORD", std::ffi::OsStr::from_bytes(password));
        }
        if let Some(options) = config.get_options() {
            command.env("PGOPTIONS", options);
        }
        let mode = if self.is_encrypted() {
            self.circumstances.mode.name()
        } else {
            "disable"
        };
        command.env("PGSSLMODE", mode);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;
    use std::process::Command;

    use super::*;

    #[test]
    fn a_socket_is_found_by_its_directory() {
        let mut command = Command::new("pgbench");
        command.env("PGSERVICE", "of somebody else");
        Address::socket(Path::new("/tmp/a b")).lend_to(&mut command, "pgqa_1");
        let given: BTreeMap<String, String> = command
            .get_envs()
            .filter_map(|(name, value)| {
                let text = |text: &std::ffi::OsStr| text.to_string_lossy().into_owned();
                Some((text(name), text(value?)))
            })
            .collect();
        for (name, value) in [
            ("PGHOST", "/tmp/a b"),
            ("PGUSER", "postgres"),
            ("PGDATABASE", "pgqa_1"),
            ("PGSSLMODE", "disable"),
            ("LC_ALL", "C"),
        ] {
            assert_eq!(given.get(name).map(String::as_str), Some(value), "{name}");
        }
        assert!(!given.contains_key("PGSERVICE") && !given.contains_key("PGPASSWORD"));
        assert_eq!(command.get_args().count(), 0);
    }
}
