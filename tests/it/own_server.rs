//! A server of the user's own: what is refused, what is told, what is made, and that nothing else is touched.

mod ending;
mod ownership;
mod passwords;
mod refusals;
mod rights;
mod touched;

use crate::given_server::{GivenServer, Options};
use crate::place::Place;
use crate::program::{Ran, compare_plans};

/// A small run: two copies or so.
const SMALL: [&str; 8] = [
    "--queue",
    "status-partial",
    "--fixture",
    "heavy-single-queue",
    "--rows",
    "2000",
    "--variant",
    "batch-1",
];

/// A longer one, with time to do something in the middle of it.
const LONG: [&str; 8] = [
    "--queue",
    "status-partial",
    "--fixture",
    "heavy-single-queue",
    "--rows",
    "20000",
    "--samples",
    "30",
];

/// A server that anybody may use.
fn start(place: &Place) -> GivenServer {
    GivenServer::start(place, &Options::default())
}

/// The arguments of a small run on the server of this URL, without agreement.
fn on<'a>(url: &'a str, further: &[&'a str]) -> Vec<&'a str> {
    [&SMALL, &["--database-url", url][..], further].concat()
}

/// A small run, agreed to.
fn measure(place: &Place, url: &str, further: &[&str]) -> Ran {
    compare_plans(place, &on(url, &[&["--yes"], further].concat()))
}

/// The names of all databases and their comments, without those every cluster has.
fn databases(server: &GivenServer) -> Vec<(String, String)> {
    let rows = server.sql(
        "postgres",
        "select datname, shobj_description(oid, 'pg_database') from pg_database \
         where datname not in ('postgres', 'template0', 'template1') order by 1",
    );
    rows.into_iter()
        .map(|row| (row[0].clone(), row[1].clone()))
        .collect()
}
