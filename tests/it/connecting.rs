//! Connections to servers of the user's own: as libpq would make them, and errors that say what to do without showing a password.

mod passwords;
mod servers;
mod tls;

use pgq_analyze::postgres::connect::{Address, Opened};
use pgq_analyze::postgres::conninfo::Surroundings;

use crate::given_server::SUPERUSER;
use crate::place::Place;

/// Surroundings in which nothing of this machine is seen.
fn surroundings(place: &Place, variables: &[(&str, &str)]) -> Surroundings {
    Surroundings {
        variables: variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        home: Some(place.path().join("home")),
        account: Some(SUPERUSER.to_owned()),
        socket_directory: place.path().to_path_buf(),
        system_directories: Vec::new(),
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("makes a runtime")
}

/// What the sessions see: user, database, and whether they are encrypted; the first session and a later one see the same.
fn try_to_connect(text: &str, surroundings: &Surroundings) -> Result<(String, Address), String> {
    let opening = Address::of(text, surroundings);
    runtime().block_on(async {
        let opened = opening.await.map_err(|error| error.to_string());
        let Opened { address, session, .. } = opened.inspect_err(|error| assert!(!error.contains("S3CRET"), "{error}"))?;
        let database = session.query_one("select current_database()::text", &[]).await.expect("asks").get::<_, String>(0);
        assert_eq!(database, address.maintenance());
        let sql = "select format('%s %s %s', current_user, ssl, application_name) from pg_stat_ssl join pg_stat_activity using (pid) where pid = pg_backend_pid()";
        let later = address.connect(address.maintenance()).await.expect("connects again");
        let mut seen = Vec::new();
        for session in [session, later] {
            seen.push(session.query_one(sql, &[]).await.expect("asks").get::<_, String>(0));
            session.close().await;
        }
        assert_eq!(seen[0], seen[1]);
        let debug = format!("{address:?} {}", address.describe());
        assert!(!debug.contains("S3CRET"), "{debug}");
        Ok((seen.remove(0), address))
    })
}

#[track_caller]
fn seen(text: &str, surroundings: &Surroundings) -> String {
    try_to_connect(text, surroundings)
        .unwrap_or_else(|error| panic!("{text}: {error}"))
        .0
}

#[track_caller]
fn expect_refused(text: &str, surroundings: &Surroundings, parts: &[&str]) {
    let error = try_to_connect(text, surroundings).expect_err(text);
    let mut rest = error.as_str();
    for part in parts {
        let (_, after) = rest
            .split_once(part)
            .unwrap_or_else(|| panic!("{text}: `{part}` is not (or not in this order) in {error}"));
        rest = after;
    }
}
