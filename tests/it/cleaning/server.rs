//! `clean` on a server of the user's own: only databases that the program made, and first only this cache's.

use crate::given_server::{GivenServer, Options};
use crate::place::Place;
use crate::program::{Ran, run};

const MARK: &str =
    r#"{"program":"pgq-analyze","installation":"0123456789abcdef","time":1,"role":"copy"}"#;

fn databases(server: &GivenServer) -> Vec<String> {
    let query = "select datname from pg_database where datname like 'pgqa%' order by 1";
    server.sql("postgres", query).concat()
}

#[test]
fn what_was_kept_goes_and_what_others_made_stays() {
    let place = Place::new();
    let server = GivenServer::start(&place, &Options::default());
    let url = server.url("postgres");
    let on_it =
        |words: &[&str]| -> Ran { run(&place, words.iter().chain(&["--database-url", &url])) };
    on_it(&[
        "fixtures",
        "build",
        "many-queues-sparse",
        "--queue",
        "status-partial",
        "--keep",
        "--yes",
    ])
    .expect_code(0);
    let kept = databases(&server);
    assert_eq!(kept.len(), 1, "{kept:?}");
    // A user's own, without a comment and with another one, and one of another installation.
    for (name, comment) in [
        ("pgqa_mine", None),
        ("pgqa_payroll", Some("payroll")),
        ("pgqa_other", Some(MARK)),
    ] {
        server.sql("postgres", &format!("create database {name}"));
        if let Some(comment) = comment {
            server.sql(
                "postgres",
                &format!("comment on database {name} is '{comment}'"),
            );
        }
    }
    on_it(&["clean"])
        .expect_code(2)
        .expect_said(&["nothing was removed"]);
    let listed = on_it(&["clean", "--dry-run"]).expect_code(0).stdout;
    for part in [
        &*kept[0],
        "fixture many-queues-sparse for status-partial",
        "pgqa_other",
        "of another installation (0123456789abcdef): --other-installations removes it",
    ] {
        assert!(listed.contains(part), "{part}: {listed}");
    }
    assert!(
        !listed.contains("pgqa_mine") && !listed.contains("pgqa_payroll"),
        "{listed}"
    );
    on_it(&["clean", "--yes"]).expect_code(0);
    assert_eq!(
        databases(&server),
        ["pgqa_mine", "pgqa_other", "pgqa_payroll"]
    );
    on_it(&["clean", "--yes", "--other-installations"]).expect_code(0);
    assert_eq!(databases(&server), ["pgqa_mine", "pgqa_payroll"]);
}
