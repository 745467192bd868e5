//! What holds for any two runs.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::finding::Severity;
use crate::run::baseline::BaselineFinding;
use crate::run::{Failure, RunStatus};

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("a".to_owned()),
        Just("b".to_owned()),
        Just(String::new()),
        any::<String>()
    ]
}

fn mode() -> impl Strategy<Value = PlanMode> {
    prop_oneof![Just(PlanMode::Custom), Just(PlanMode::Generic)]
}

fn count() -> impl Strategy<Value = u64> {
    prop_oneof![0..5_u64, 90..110_u64, any::<u64>()]
}

fn node() -> impl Strategy<Value = OutlineNode> {
    let kinds = prop_oneof![
        Just("Seq Scan job".to_owned()),
        Just("Index Scan a".to_owned()),
        Just("Index Scan Backward a".to_owned()),
        Just("Sort".to_owned()),
        any::<String>()
    ];
    let conditions = prop_oneof![
        Just("Filter: ((a = 1) OR (b = 2))".to_owned()),
        Just("Index Cond: (a = 1)".to_owned()),
        Just("Sort Key: a DESC, b".to_owned()),
        Just("Sort Key: a, b".to_owned()),
        any::<String>()
    ];
    (0..4_usize, kinds, vec(conditions, 0..3), count()).prop_map(
        |(depth, node, conditions, pages)| OutlineNode {
            depth,
            conditions,
            ..scan(&node, pages)
        },
    )
}

fn finding() -> impl Strategy<Value = BaselineFinding> {
    let severity = prop_oneof![
        Just(Severity::Note),
        Just(Severity::Warning),
        Just(Severity::Critical)
    ];
    (severity, 0..3_u8).prop_map(|(severity, rule)| BaselineFinding {
        rule: rule.to_string(),
        severity,
        node: None,
        message: String::new(),
        help: String::new(),
    })
}

fn plan() -> impl Strategy<Value = BaselinePlan> {
    let place = (
        name(),
        name(),
        prop_oneof![Just("15.18".to_owned()), name()],
    );
    let modes = (mode(), proptest::option::of(mode()), 0..3_u8);
    let counts = (count(), count(), count(), proptest::option::of(count()));
    let rest = (vec(node(), 0..4), vec(finding(), 0..3), 0..3_u8);
    (place, modes, counts, rest).prop_map(|(place, modes, counts, rest)| BaselinePlan {
        postgres: place.2,
        queue: place.0,
        operation: "fetch".to_owned(),
        plan_mode: modes.0,
        auto_plan: modes.1,
        generic_shape: [
            GenericShape::Same,
            GenericShape::Differs,
            GenericShape::None,
        ][usize::from(modes.2)],
        rows: counts.0,
        pages: counts.1,
        rows_removed: counts.3,
        wal: WalCounts {
            bytes: counts.2,
            ..WalCounts::default()
        },
        plan: rest.0,
        findings: rest.1,
        shape: rest.2.to_string(),
        execution_ms: vec![1.5; 20],
        ..fetch(&place.1)
    })
}

fn baseline() -> impl Strategy<Value = Baseline> {
    let failure = (name(), proptest::option::of(name())).prop_map(|(postgres, name)| Failure {
        postgres,
        queue: name.clone(),
        fixture: None,
        statement: None,
        variant: name,
        message: "no".to_owned(),
    });
    let statuses = prop_oneof![Just(RunStatus::Complete), Just(RunStatus::Interrupted)];
    (vec(plan(), 0..6), vec(failure, 0..2), statuses).prop_map(|(plans, failures, status)| {
        Baseline {
            failures,
            status,
            interleaved_with: Some("r".to_owned()),
            run_id: "r".to_owned(),
            ..run(plans)
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_run_is_as_it_is(run in baseline()) {
        let options = Options::default();
        if let Ok(comparison) = compare(("a", &run), ("b", &run), &options) {
            prop_assert!(!run.plans.is_empty());
            prop_assert!(comparison.plans.iter().all(|plan| plan.verdict == Verdict::Unchanged), "{:#?}", comparison.plans);
            prop_assert_eq!(comparison.unpaired, []);
        } else {
            prop_assert!(run.plans.is_empty());
        }
    }

    #[test]
    fn any_two_runs_compare_or_say_why_not(first in baseline(), second in baseline()) {
        let options = Options { allow_different: true, ..Options::default() };
        match compare(("a", &first), ("b", &second), &options) {
            Ok(comparison) => {
                prop_assert_eq!(VerdictCounts::of(&comparison.plans), comparison.verdicts);
                for plan in &comparison.plans {
                    prop_assert_eq!(plan.verdict == Verdict::Regressed, plan.reasons.iter().any(|one| one.effect == Effect::Worse));
                    prop_assert!(plan.first.is_some() || plan.second.is_some());
                }
            }
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }

    #[test]
    fn what_is_worse_one_way_is_better_the_other(counts in [count(), count()], pages in [1..1_000_u64, 1..1_000_u64]) {
        let side = |at: usize| {
            let mut plan = fetch("batch-10");
            plan.wal.bytes = counts[at];
            plan.pages = pages[at];
            plan.shape = (pages[at] % 2).to_string();
            run(vec![plan])
        };
        let (one, other) = (side(0), side(1));
        let there = compared(&one, &other).plans[0].verdict;
        let back = compared(&other, &one).plans[0].verdict;
        match there {
            Verdict::Improved => prop_assert_eq!(back, Verdict::Regressed),
            // Worse in one count and better in another is a regression both ways.
            Verdict::Regressed => prop_assert!(matches!(back, Verdict::Improved | Verdict::Regressed)),
            _ => prop_assert_eq!(back, there),
        }
    }
}
