//! What cannot be measured in turns is refused before a server is started, with the reason and the next step.

use super::compare_versions;
use crate::own_queue;
use crate::place::Place;
use crate::program::{command, finish};

/// Refused like this; nothing is left behind.
#[track_caller]
fn refused(place: &Place, arguments: &[&str], code: i32, said: &[&str]) {
    let ran = compare_versions(place, arguments).expect_code(code);
    let ran = ran.expect_said(&["error: "]).expect_said(said);
    assert_eq!(ran.stdout, "");
    assert!(!place.out().exists(), "no run was begun");
}

#[test]
fn what_does_not_go_together() {
    let place = Place::new();
    let queue = own_queue::write(&place, &[]);
    let against = ["--queue", &queue, "--against", "./elsewhere"];
    let with = |more: &[&'static str]| [&against[..], more].concat();
    refused(&place, &with(&["--samples", "19"]), 2, &["20 samples"]);
    refused(&place, &with(&["--baseline", "main"]), 2, &["--baseline"]);
    refused(&place, &with(&["--self-check"]), 2, &["--self-check"]);
    refused(&place, &with(&["--format", "csv"]), 2, &["csv"]);
    let url = ["--database-url", "postgres://nowhere/database"];
    let schema = [&url[..], &["--in-schema", "somewhere"]].concat();
    refused(
        &place,
        &with(&schema),
        2,
        &["--in-schema", "a database each"],
    );
    let check = ["--self-check", "--queue", &queue, "--format", "markdown"];
    refused(&place, &check, 2, &["--self-check prints a table"]);
    let check = ["--self-check", "--queue", &queue, "--fail-on", "regression"];
    refused(&place, &check, 2, &["--fail-on"]);
}

#[test]
fn another_version_is_one_of_a_queue_that_is_named() {
    let place = Place::new();
    let queue = own_queue::write(&place, &[]);
    refused(&place, &["--against", &queue], 2, &["Name it with --queue"]);
    let two = ["--queue", &queue, "--queue", "status-partial"];
    let two = [&two[..], &["--against", &queue]].concat();
    refused(
        &place,
        &two,
        2,
        &["another version of one queue", "git:REV"],
    );
    let missing = ["--queue", &queue, "--against", "./elsewhere"];
    refused(&place, &missing, 1, &["./elsewhere", "cannot read"]);
    let unknown = ["--queue", &queue, "--against", "status-partail"];
    refused(&place, &unknown, 2, &["did you mean `status-partial`?"]);
}

#[test]
fn a_revision_needs_git_and_a_work_tree() {
    let place = Place::new();
    let queue = own_queue::write(&place, &[]);
    let of = |revision| ["--queue", &queue, "--against", revision];
    refused(&place, &of("git:"), 2, &["names no revision"]);
    refused(&place, &of("git:--help"), 2, &["names no revision"]);
    let built_in = ["--queue", "status-partial", "--against", "git:HEAD"];
    refused(&place, &built_in, 2, &["part of the program"]);
    refused(
        &place,
        &of("git:HEAD"),
        1,
        &["is in no git work tree", "--against DIR"],
    );

    let arguments = super::in_turns(&place, &of("git:HEAD"));
    let mut without_git = command(&place, arguments);
    without_git.env("PATH", place.path());
    let ran = finish(without_git).expect_code(1);
    ran.expect_said(&["cannot run git", "install git"]);
}
