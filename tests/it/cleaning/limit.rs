//! `--cache-limit`: the longest unused goes first, and nothing that the run needs.

use std::time::Duration;

use super::BUILD;
use crate::place::Place;
use crate::program::{Ran, run};

fn built(place: &Place) -> Vec<String> {
    let list = run(place, ["fixtures", "list"]).expect_code(0).stdout;
    let lines = list
        .lines()
        .skip_while(|line| !line.starts_with("built, in "));
    lines
        .skip(1)
        .filter_map(|line| Some(line.split_whitespace().next()?.to_owned()))
        .collect()
}

fn build(place: &Place, fixture: &str, limit: &str) -> Ran {
    // Times of use are whole seconds.
    std::thread::sleep(Duration::from_millis(1100));
    run(
        place,
        [
            "fixtures",
            "build",
            fixture,
            "--quick",
            "--queue",
            "status-partial",
            "--cache-limit",
            limit,
        ],
    )
}

#[test]
fn the_longest_unused_makes_room() {
    let place = Place::new();
    run(&place, BUILD).expect_code(0);
    build(&place, "with-steps", "20GB").expect_code(0);
    // Used again, it is not the longest unused any more.
    build(&place, "many-queues-sparse", "20GB").expect_code(0);
    let ran = build(&place, "heavy-single-queue", "35MB")
        .expect_code(0)
        .expect_said(&[
            "removed fixture with-steps for status-partial, 1",
            " MB, the longest unused: the cache is limited to 35.0 MB (--cache-limit)",
            "built heavy-single-queue",
        ]);
    assert!(
        !ran.stderr.contains("removed fixture many-queues-sparse"),
        "{}",
        ran.stderr
    );
    assert_eq!(built(&place), ["heavy-single-queue", "many-queues-sparse"]);
}

#[test]
fn nothing_is_kept_where_nothing_may_be() {
    let place = Place::new();
    build(&place, "many-queues-sparse", "0")
        .expect_code(0)
        .expect_said(&[
            "built many-queues-sparse",
            "removed fixture many-queues-sparse",
        ]);
    assert!(built(&place).is_empty());
    build(&place, "many-queues-sparse", "none")
        .expect_code(0)
        .expect_said(&["built"]);
    assert_eq!(built(&place), ["many-queues-sparse"]);
}

#[test]
fn a_limit_has_a_unit() {
    let place = Place::new();
    for wrong in ["20", "20gb", "much"] {
        build(&place, "many-queues-sparse", wrong)
            .expect_code(2)
            .expect_said(&["--cache-limit", "no size such as 20GB, 512MB or 0"]);
    }
}
