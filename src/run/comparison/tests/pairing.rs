//! Which plan is which, and what is missing why.

use super::*;
use crate::run::environment::SelectionRecord;
use crate::run::{Failure, RunStatus};

const CUSTOM: PlanMode = PlanMode::Custom;
const GENERIC: PlanMode = PlanMode::Generic;

fn failure(variant: Option<&str>) -> Failure {
    Failure {
        postgres: "15.18".to_owned(),
        queue: Some("status-partial".to_owned()),
        fixture: Some("heavy-single-queue".to_owned()),
        statement: variant.map(|_| "fetch".to_owned()),
        variant: variant.map(str::to_owned),
        message: "there is no such column".to_owned(),
    }
}

fn selection(operations: &[&str], variants: &[&str]) -> Option<SelectionRecord> {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Some(SelectionRecord {
        operations: owned(operations),
        variants: owned(variants),
    })
}

#[test]
fn plans_come_and_go() {
    let first = run(vec![fetch("a"), fetch("b"), fetch("c")]);
    let second = run(vec![fetch("c"), fetch("d"), fetch("a")]);
    let wanted = [
        ("c", CUSTOM, Verdict::Unchanged),
        ("d", CUSTOM, Verdict::Appeared),
        ("a", CUSTOM, Verdict::Unchanged),
        ("b", CUSTOM, Verdict::Vanished),
    ];
    let comparison = compared(&first, &second);
    assert_eq!(verdicts(&comparison), wanted);
    assert_eq!(comparison.unpaired, []);
    assert!(comparison.plans.iter().all(|plan| plan.reasons.is_empty()));
}

#[test]
fn a_custom_plan_stands_for_a_generic_one_of_its_shape() {
    let alone = run(vec![fetch("a")]);
    assert_eq!(
        verdicts(&compared(&alone, &alone)),
        [("a", CUSTOM, Verdict::Unchanged)]
    );
    let differing = BaselinePlan {
        generic_shape: GenericShape::Differs,
        ..fetch("a")
    };
    let both = run(vec![differing, generic("a")]);
    let came = compared(&alone, &both);
    let wanted = [
        ("a", CUSTOM, Verdict::Unchanged),
        ("a", GENERIC, Verdict::Regressed),
    ];
    assert_eq!(verdicts(&came), wanted);
    let message = &came.plans[1].reasons[0].message;
    let never = " (PostgreSQL does not choose this generic plan by itself here)";
    assert!(message.ends_with(never), "{message}");
    let went = compared(&both, &alone);
    let wanted = [
        ("a", CUSTOM, Verdict::Unchanged),
        ("a", GENERIC, Verdict::Improved),
    ];
    assert_eq!(verdicts(&went), wanted);
}

#[test]
fn a_statement_without_parameters_has_no_generic_plan() {
    let mut constant = fetch("a");
    constant.generic_shape = GenericShape::None;
    let constant = run(vec![constant]);
    let with = run(vec![fetch("a")]);
    let unchanged = [("a", CUSTOM, Verdict::Unchanged)];
    assert_eq!(verdicts(&compared(&with, &constant)), unchanged);
    let mut differing = fetch("a");
    differing.generic_shape = GenericShape::Differs;
    let both = run(vec![differing, generic("a")]);
    let wanted = [
        ("a", CUSTOM, Verdict::Unchanged),
        ("a", GENERIC, Verdict::Vanished),
    ];
    assert_eq!(verdicts(&compared(&both, &constant)), wanted);
    // None because it could not be made is another matter.
    let mut failed = constant;
    failed.failures.push(failure(Some("a")));
    let wanted = [
        ("a", CUSTOM, Verdict::Unchanged),
        ("a", GENERIC, Verdict::Inconclusive),
    ];
    assert_eq!(verdicts(&compared(&with, &failed)), wanted);
}

#[test]
fn what_failed_is_inconclusive() {
    let first = run(vec![fetch("a"), fetch("b")]);
    let mut second = run(vec![fetch("a")]);
    second.failures.push(failure(None));
    second.failures.push(Failure {
        message: "of b".to_owned(),
        ..failure(Some("b"))
    });
    let comparison = compared(&first, &second);
    assert_eq!(
        verdicts(&comparison)[1],
        ("b", CUSTOM, Verdict::Inconclusive)
    );
    assert_eq!(
        comparison.plans[1].reasons[0].message,
        "not measured in the second run: of b"
    );
    // The same for a fixture that could not be built, and for a server that did not start.
    let mut none = run(Vec::new());
    none.failures.push(failure(None));
    assert_eq!(compared(&first, &none).verdicts.inconclusive, 2);
    none.failures[0] = Failure {
        postgres: "15".to_owned(),
        queue: None,
        fixture: None,
        ..failure(None)
    };
    none.servers.clear();
    assert_eq!(compared(&first, &none).verdicts.inconclusive, 2);
    assert_eq!(compared(&none, &first).verdicts.inconclusive, 2);
}

#[test]
fn what_failed_in_both_runs_does_not_pass_a_gate() {
    let mut first = run(vec![fetch("a")]);
    first.failures.push(failure(Some("b")));
    let mut second = first.clone();
    let both = compared(&first, &second);
    assert_eq!(both.verdicts.unchanged, both.plans.len());
    assert_eq!(both.not_measured, second.failures);
    let judged = |comparison: &Comparison| FailOn::Regression.judge(comparison);
    assert_eq!(judged(&both), gate::Outcome::Inconclusive);
    // Not asked of the second run any more.
    second.failures.clear();
    assert_eq!(compared(&first, &second).not_measured, []);
    assert_eq!(judged(&compared(&first, &second)), gate::Outcome::Passed);
    // Where a plan tells of it, that is enough.
    let whole = run(vec![fetch("a"), fetch("b")]);
    let told = compared(&whole, &first);
    assert_eq!((told.verdicts.inconclusive, told.not_measured), (1, vec![]));
}

#[test]
fn what_was_left_out_is_inconclusive() {
    let (first, mut second) = (run(vec![fetch("a"), fetch("b")]), run(vec![fetch("a")]));
    second.skipped.push(Failure {
        message: "its plan writes".to_owned(),
        ..failure(Some("b"))
    });
    for (first, second, side) in [(&first, &second, "second"), (&second, &first, "first")] {
        let comparison = compared(first, second);
        let wanted = [
            ("a", CUSTOM, Verdict::Unchanged),
            ("b", CUSTOM, Verdict::Inconclusive),
        ];
        assert_eq!(verdicts(&comparison), wanted);
        assert_eq!(
            comparison.plans[1].reasons[0].message,
            format!("not measured in the {side} run: its plan writes")
        );
    }
    // Left out of both, there is nothing to tell.
    assert_eq!(compared(&second, &second).plans.len(), 1);
}

#[test]
fn tables_that_stand_have_no_record_of_a_fixture() {
    let standing = |plans: &[BaselinePlan]| {
        let mut run = run(plans.to_vec());
        run.fixtures.clear();
        let queue = run.queues["status-partial"].clone();
        run.queues.insert("another".to_owned(), queue);
        run
    };
    let another = BaselinePlan {
        queue: "another".to_owned(),
        ..fetch("a")
    };
    let first = standing(&[fetch("a"), another]);
    let mut second = standing(&[fetch("a")]);
    assert_eq!(compared(&first, &second).verdicts.vanished, 1);
    second.status = RunStatus::Interrupted;
    let comparison = compared(&first, &second);
    assert_eq!(comparison.verdicts.inconclusive, 1);
    assert_eq!(comparison.unpaired, []);
}

#[test]
fn a_run_that_was_stopped_tells_nothing_of_what_it_lacks() {
    let first = run(vec![fetch("a"), fetch("b")]);
    let mut second = run(vec![fetch("a")]);
    second.status = RunStatus::Interrupted;
    let comparison = compared(&first, &second);
    assert_eq!(
        verdicts(&comparison)[1],
        ("b", CUSTOM, Verdict::Inconclusive)
    );
    assert_eq!(
        comparison.plans[1].reasons[0].message,
        "not measured in the second run, which did not come to its end"
    );
    second.plans.clear();
    assert_eq!(compared(&first, &second).verdicts.inconclusive, 2);
}

#[test]
fn what_was_not_asked_for_is_not_missed() {
    let complete = BaselinePlan {
        operation: "complete".to_owned(),
        statement: "complete".to_owned(),
        ..fetch("completed-10")
    };
    let first = run(vec![fetch("batch-1"), fetch("batch-10"), complete]);
    let mut second = run(vec![fetch("batch-1")]);
    second.selection = selection(&["fetch"], &["batch-1*", "["]);
    let comparison = compared(&first, &second);
    let wanted = [
        ("batch-1", CUSTOM, Verdict::Unchanged),
        ("batch-10", CUSTOM, Verdict::Vanished),
    ];
    assert_eq!(verdicts(&comparison), wanted);
    assert_eq!(
        comparison.unpaired,
        [Unpaired {
            in_first: true,
            postgres: "15.18".to_owned(),
            queue: "status-partial".to_owned(),
            fixture: "heavy-single-queue".to_owned(),
            plans: 1,
        }]
    );
    // Without a pattern a run measures what the fixture is about, which may be less than a pattern of the other run took.
    let mut first = first;
    first.selection = selection(&["fetch"], &["*"]);
    second.selection = selection(&["fetch"], &[]);
    assert_eq!(compared(&first, &second).plans.len(), 1);
    first.selection = second.selection.clone();
    assert_eq!(compared(&first, &second).verdicts.vanished, 1);
}

#[test]
fn a_fixture_of_one_run_is_not_compared() {
    let first = run(vec![fetch("a")]);
    let mut second = run(vec![fetch("a")]);
    for variant in ["a", "b"] {
        second.plans.push(BaselinePlan {
            fixture: "wide".to_owned(),
            ..fetch(variant)
        });
    }
    let comparison = compared(&first, &second);
    assert_eq!(comparison.plans.len(), 1);
    assert_eq!(comparison.unpaired[0].plans, 2);
    assert_eq!(comparison.unpaired[0].fixture, "wide");
}

#[test]
fn the_only_queue_left_is_the_renamed_one() {
    let first = run(vec![fetch("a")]);
    let mut second = run(vec![fetch("a")]);
    let rename = |run: &mut Baseline, name: &str| {
        let queue = run.queues.remove("status-partial").expect("there");
        run.queues.insert(name.to_owned(), queue);
        run.plans[0].queue = name.to_owned();
    };
    rename(&mut second, "job-queue");
    let comparison = compared(&first, &second);
    assert_eq!(
        comparison.renamed,
        [Renamed {
            first: "status-partial".to_owned(),
            second: "job-queue".to_owned(),
        }]
    );
    assert_eq!(verdicts(&comparison), [("a", CUSTOM, Verdict::Unchanged)]);
    assert_eq!(comparison.plans[0].queue, "job-queue");
    // Of two it cannot be told which.
    let mut third = second.clone();
    third.plans.push(BaselinePlan {
        queue: "another".to_owned(),
        ..fetch("a")
    });
    let refused = compare(("main", &first), ("latest", &third), &Options::default());
    assert_eq!(
        refused.expect_err("nothing in common").to_string(),
        "main and latest have no variant in common: the first has fetch of status-partial on heavy-single-queue (a), the second fetch \
         of another, job-queue on heavy-single-queue (a); measure the same queue, fixture and variants"
    );
    // A queue with other statements is another queue.
    second.plans[0].variant = "z".to_owned();
    assert!(compare(("main", &first), ("latest", &second), &Options::default()).is_err());
}

#[test]
fn runs_of_nothing_have_nothing_in_common() {
    let (none, some) = (run(Vec::new()), run(vec![fetch("a")]));
    let refused = compare(("main", &none), ("latest", &some), &Options::default());
    let text = refused.expect_err("nothing in common").to_string();
    assert!(
        text.contains("the first has no plans, the second fetch of status-partial"),
        "{text}"
    );
}

#[test]
fn servers_pair_by_version_then_by_major_version() {
    let on = |versions: &[&str]| {
        let plans = versions.iter().map(|version| BaselinePlan {
            postgres: (*version).to_owned(),
            ..fetch("a")
        });
        let mut run = run(plans.collect());
        let server = run.servers.remove(0);
        for version in versions {
            let mut server = server.clone();
            server.server_version = (*version).to_owned();
            run.servers.push(server);
        }
        run
    };
    let options = Options {
        allow_different: true,
        ..Options::default()
    };
    let pairs = |first: &[&str], second: &[&str]| {
        let (first, second) = (on(first), on(second));
        let compared = compare(("main", &first), ("latest", &second), &options);
        let compared = compared.expect("comparable");
        (
            compared.plans.len(),
            compared.unlike.len(),
            compared.unpaired.len(),
        )
    };
    assert_eq!(pairs(&["15.18", "18.4"], &["18.4", "15.18"]), (2, 0, 0));
    assert_eq!(pairs(&["15.17", "15.18"], &["15.18", "15.19"]), (2, 1, 0));
    assert_eq!(pairs(&["15.18"], &["17.2"]), (1, 1, 0));
    assert_eq!(pairs(&["15.18", "16.1"], &["15.18", "17.2"]), (1, 0, 2));
}
