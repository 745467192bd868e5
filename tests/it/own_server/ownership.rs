//! Whose a database is: comment and owner decide, never the name alone.

use super::{databases, measure, start};
use crate::place::Place;

#[test]
fn what_only_looks_like_ours_survives() {
    let place = Place::new();
    let server = start(&place);
    let url = server.url("postgres");
    // A kept template shows what our comment looks like.
    measure(&place, &url, &["--keep"])
        .expect_code(0)
        .expect_said(&["kept for the next run: pgqa_", "clean --database-url"]);
    let [(kept, ours)] = &databases(&server)[..] else {
        panic!("one is kept: {:?}", databases(&server));
    };
    assert!(ours.contains("\"kept\":true"), "{ours}");
    let leftover = ours.replace("\"kept\":true", "\"kept\":false");
    let leftover = leftover.replace("\"backend_pid\":", "\"backend_pid\":9");
    let elsewhere = leftover.replace("\"installation\":\"", "\"installation\":\"0");
    server.sql("postgres", "create role somebody");
    for (name, comment, owner) in [
        ("pgqa_0000000000000001", None, "postgres"),
        ("pgqa_0000000000000002", Some("the payroll"), "postgres"),
        ("pgqa_0000000000000003", Some(&*elsewhere), "postgres"),
        ("pgqa_0000000000000004", Some(&*leftover), "somebody"),
        ("pgqa_0000000000000005", Some(&*leftover), "postgres"),
        ("payroll", Some(&*leftover), "postgres"),
    ] {
        server.sql("postgres", &format!("create database {name} owner {owner}"));
        if let Some(comment) = comment {
            let comment = comment.replace('\'', "''");
            server.sql(
                "postgres",
                &format!("comment on database {name} is '{comment}'"),
            );
        }
    }
    let mut expected = databases(&server);
    // This one is ours, by comment and owner, and its maker is gone.
    expected.retain(|(name, _)| name != "pgqa_0000000000000005");
    measure(&place, &url, &[]).expect_code(0).expect_said(&[
        "removed database pgqa_0000000000000005, left behind",
        "kept for the next run",
    ]);
    assert_eq!(databases(&server), expected);
    assert!(expected.iter().any(|(name, _)| name == kept));
}

#[test]
fn what_was_kept_is_used_again() {
    let place = Place::new();
    let server = start(&place);
    let url = server.url("postgres");
    measure(&place, &url, &["--keep"])
        .expect_code(0)
        .expect_said(&["built heavy-single-queue"]);
    let kept = databases(&server);
    let again = measure(&place, &url, &["--keep"]).expect_code(0);
    assert!(!again.stderr.contains("built heavy"), "{}", again.stderr);
    assert_eq!(databases(&server), kept);
}
