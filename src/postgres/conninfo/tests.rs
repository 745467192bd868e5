//! Connection strings completed in surroundings that a test lays out.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::*;

/// Surroundings whose home is a temporary directory.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Home {
        Home(tempfile::tempdir().expect("a directory"))
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().expect("has one")).expect("makes it");
        fs::write(&path, text).expect("writes");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("closes");
        path.display().to_string()
    }

    fn with(&self, variables: &[(&str, &str)]) -> Surroundings {
        Surroundings {
            variables: variables
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            home: Some(self.0.path().to_path_buf()),
            account: Some("me".to_owned()),
            socket_directory: Path::new("/usual").to_path_buf(),
            system_directories: Vec::new(),
        }
    }

    fn resolve(&self, text: &str, variables: &[(&str, &str)]) -> Result<Conninfo, String> {
        Conninfo::resolve(text, &self.with(variables)).map_err(|error| error.to_string())
    }
}

fn described(conninfo: &Conninfo) -> Vec<String> {
    conninfo.servers.iter().map(Server::describe).collect()
}

fn password(conninfo: &Conninfo, index: usize) -> Option<&str> {
    conninfo.servers[index]
        .password
        .as_ref()
        .map(Secret::expose)
}

#[test]
fn nothing_said_is_the_usual_socket_and_the_account() {
    let found = Home::new().resolve("", &[]).expect("resolves");
    assert_eq!(described(&found), ["/usual/.s.PGSQL.5432"]);
    assert_eq!(
        (&*found.user, found.database.as_deref(), found.maintenance()),
        ("me", None, "postgres")
    );
    assert_eq!(found.connect_timeout, Some(Duration::from_secs(10)));
    assert_eq!(
        (found.target, found.encryption.mode),
        (TargetSession::Any, SslMode::Prefer)
    );
    assert_eq!(found.application_name, "pgq-analyze");
}

#[test]
fn the_string_comes_before_the_service_before_the_environment() {
    let home = Home::new();
    home.write(
        ".pg_service.conf",
        "[s]\nhost=service\nport=2\nuser=service\n",
    );
    let environment = [
        ("PGHOST", "environment"),
        ("PGUSER", "environment"),
        ("PGDATABASE", "environment"),
        ("PGAPPNAME", "a"),
    ];
    let found = home
        .resolve("service=s host=string", &environment)
        .expect("resolves");
    assert_eq!(described(&found), ["string:2"]);
    assert_eq!(
        (&*found.user, found.maintenance()),
        ("service", "environment")
    );
    let mut with_service = environment.to_vec();
    with_service.push(("PGSERVICE", "s"));
    let found = home
        .resolve("postgres:///db", &with_service)
        .expect("resolves");
    assert_eq!(
        (described(&found), found.maintenance()),
        (vec!["service:2".to_owned()], "db")
    );
    let file = home.write("elsewhere", "[s]\nhost=elsewhere\n");
    with_service.push(("PGSERVICEFILE", &file));
    let found = home.resolve("", &with_service).expect("resolves");
    assert_eq!(described(&found), ["elsewhere:5432"]);
    let message = home.resolve("service=none", &[]).expect_err("absent");
    assert!(message.starts_with("no service none in "), "{message}");
}

#[test]
fn several_hosts_have_their_own_ports_and_passwords() {
    let home = Home::new();
    home.write(
        ".pgpass",
        "a:1:*:*:one\nlocalhost:*:*:*:usual\n/x:3:d:u:three\n10.0.0.1:*:*:*:four\n",
    );
    let found = home
        .resolve("postgres://u@a:1,,%2Fx:3,10.0.0.1:4/d", &[])
        .expect("resolves");
    assert_eq!(
        described(&found),
        ["a:1", "/usual/.s.PGSQL.5432", "/x/.s.PGSQL.3", "10.0.0.1:4"]
    );
    let passwords: Vec<_> = (0..4).map(|index| password(&found, index)).collect();
    assert_eq!(
        passwords,
        [Some("one"), Some("usual"), Some("three"), Some("four")]
    );
    let found = home
        .resolve("host=a,b port=7 password=x", &[])
        .expect("resolves");
    assert_eq!(described(&found), ["a:7", "b:7"]);
    assert_eq!(
        (password(&found, 0), password(&found, 1)),
        (Some("x"), Some("x"))
    );
    let found = home
        .resolve("host=name hostaddr=::1", &[])
        .expect("resolves");
    assert_eq!(
        (described(&found), found.servers[0].name()),
        (vec!["name:5432".to_owned()], Some("name"))
    );
    for (text, wanted) in [
        ("host=a,b,c port=1,2", "3 in host, but 2 in port"),
        ("host=a,b hostaddr=::1", "2 in host, but 1 in hostaddr"),
        (
            "port=70000",
            "port (from the connection string) cannot be `70000`",
        ),
        (
            "hostaddr=name",
            "hostaddr (from the connection string) cannot be `name`",
        ),
        ("host=@abstract", "cannot obey host"),
    ] {
        let message = home.resolve(text, &[]).expect_err(text);
        assert!(message.starts_with(wanted), "{message}");
    }
}

#[test]
fn a_password_comes_from_the_string_the_environment_or_the_file_named() {
    let home = Home::new();
    let file = home.write("passwords", "h:5432:postgres:u:file\n");
    let named = format!("host=h user=u passfile={file}");
    assert_eq!(
        password(&home.resolve(&named, &[]).expect("resolves"), 0),
        Some("file")
    );
    let variables = [("PGPASSFILE", file.as_str())];
    assert_eq!(
        password(
            &home
                .resolve("postgres://u@h", &variables)
                .expect("resolves"),
            0
        ),
        Some("file")
    );
    let found = home
        .resolve(&named, &[("PGPASSWORD", "variable")])
        .expect("resolves");
    assert_eq!(password(&found, 0), Some("variable"));
    assert_eq!(found.servers[0].password_from, "PGPASSWORD");
    assert!(!format!("{found:?}").contains("variable\""), "{found:?}");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("opens");
    let found = home.resolve(&named, &[]).expect("resolves");
    assert_eq!((password(&found, 0), found.warnings.len()), (None, 1));
}

#[test]
fn tls_is_as_strict_as_it_was_asked_for() {
    let home = Home::new();
    let resolve = |text: &str| home.resolve(text, &[]).map(|found| found.encryption);
    assert_eq!(
        resolve("host=h sslmode=require").map(|found| found.root),
        Ok(RootCertificate::Unchecked)
    );
    let system = resolve("host=h sslrootcert=system").expect("resolves");
    assert_eq!(
        (system.mode, system.root),
        (SslMode::VerifyFull, RootCertificate::System)
    );
    for (text, wanted) in [
        (
            "host=h sslmode=verify-ca",
            "sslmode=verify-ca needs a root certificate",
        ),
        (
            "host=h sslmode=require sslrootcert=/none",
            "root certificate file /none (sslrootcert, from the connection string) does not exist",
        ),
        (
            "host=h sslmode=require sslrootcert=system",
            "sslmode (from the connection string) cannot be `require`",
        ),
        (
            "host=h sslnegotiation=direct",
            "sslnegotiation (from the connection string) cannot be `direct`: sslmode is prefer",
        ),
        (
            "host=h sslmode=strict",
            "sslmode (from the connection string) cannot be `strict`: it is one of prefer, disable,",
        ),
        (
            "host=h ssl_max_protocol_version=TLSv1.1",
            "ssl_max_protocol_version (from",
        ),
        (
            "host=h ssl_min_protocol_version=tls",
            "ssl_min_protocol_version (from",
        ),
        ("host=h sslcert=/none", "certificate file /none"),
        ("host=h sslcertmode=require", "cannot obey sslcertmode"),
        ("host=h sslcrl=a", "cannot obey sslcrl"),
    ] {
        let message = resolve(text).expect_err(text);
        assert!(message.starts_with(wanted), "{message}");
    }
    // Over a unix socket there is no TLS, whatever the environment says.
    assert!(
        home.resolve("host=/x", &[("PGSSLMODE", "verify-full")])
            .is_ok()
    );
    let old = home
        .resolve("host=h", &[("PGREQUIRESSL", "1")])
        .expect("resolves");
    assert_eq!(old.encryption.mode, SslMode::Require);
}

#[test]
fn the_usual_certificates_are_used_where_they_are() {
    let home = Home::new();
    let root = home.write(".postgresql/root.crt", "");
    let certificate = home.write(".postgresql/postgresql.crt", "");
    let resolve = |text: &str| home.resolve(text, &[]).map(|found| found.encryption);
    let message = resolve("host=h sslmode=require").expect_err("no key");
    assert!(message.contains("has no key"), "{message}");
    let key = home.write(".postgresql/postgresql.key", "");
    let found = resolve("host=h sslmode=require").expect("resolves");
    assert_eq!(found.root, RootCertificate::File(root.into()));
    let client = found.client.expect("there is one");
    assert_eq!(
        (client.certificate, client.key),
        (certificate.into(), key.clone().into())
    );
    assert_eq!(
        resolve("host=h sslcertmode=disable")
            .expect("resolves")
            .client,
        None
    );
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("opens");
    let message = resolve("host=h").expect_err("open to others");
    assert!(message.contains("chmod 0600"), "{message}");
}

#[test]
fn the_other_words_are_obeyed_or_refused() {
    let home = Home::new();
    let found = home
        .resolve(
            "host=h connect_timeout=3 options='-c x=y' target_session_attrs=read-write channel_binding=require keepalives=0 keepalives_idle=5 gssencmode=prefer",
            &[("PGCLIENTENCODING", "latin1")],
        )
        .expect("resolves");
    assert_eq!(found.connect_timeout, Some(Duration::from_secs(3)));
    assert_eq!(found.options.as_deref(), Some("-c x=y"));
    assert_eq!(
        (found.target, found.channel_binding),
        (TargetSession::ReadWrite, ChannelBinding::Require)
    );
    assert_eq!(
        (found.keepalives.on, found.keepalives.idle),
        (Some(false), Some(Duration::from_secs(5)))
    );
    assert_eq!(
        home.resolve("connect_timeout=0", &[])
            .expect("resolves")
            .connect_timeout,
        None
    );
    for (text, variables, wanted) in [
        (
            "connect_timeout=soon",
            vec![],
            "connect_timeout (from the connection string) cannot be `soon`: it is a whole number",
        ),
        (
            "",
            vec![("PGTARGETSESSIONATTRS", "write")],
            "target_session_attrs (from PGTARGETSESSIONATTRS) cannot be `write`",
        ),
        (
            "",
            vec![("PGGSSENCMODE", "require")],
            "cannot obey gssencmode (from PGGSSENCMODE)",
        ),
        (
            "postgres://h?sslmod=require",
            vec![],
            "libpq knows no connection parameter sslmod (from the connection string): did you mean sslmode?",
        ),
        (
            "postgres://u:p@ss@h",
            vec![],
            "cannot read the connection string `postgres://u:***@h`: an @ that",
        ),
    ] {
        let message = home.resolve(text, &variables).expect_err(text);
        assert!(message.starts_with(wanted), "{message}");
    }
}

proptest::proptest! {
    #[test]
    fn no_error_has_a_password_in_it(before in "[ -~]{0,8}", after in "[ -~]{0,8}") {
        let password = format!("{before}S3CRET{after}");
        let surroundings = Surroundings::default();
        for text in [
            format!("postgres://u:{password}@h/d?sslmod=x"),
            // After an @ it would be a host like any other.
            format!("postgres://u:{}", password.replace('@', "")),
            format!("password={password} host=h"),
            format!("password='{password}' host=h"),
            format!("postgres://h?password={password}"),
        ] {
            if let Err(error) = Conninfo::resolve(&text, &surroundings) {
                let message = error.to_string();
                proptest::prop_assert!(!message.contains("S3CRET"), "{text}: {message}");
            }
        }
    }
}
