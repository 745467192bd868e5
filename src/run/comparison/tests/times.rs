//! Execution times gate only where the samples were taken in turns.

use super::*;

/// Twenty times around so many milliseconds.
fn times(around: f64) -> Vec<f64> {
    (0..20).map(|n| around + f64::from(n) * 0.01).collect()
}

fn timed(variant: &str, around: f64) -> BaselinePlan {
    BaselinePlan {
        execution_ms: times(around),
        ..fetch(variant)
    }
}

fn in_turns(mut first: Baseline, mut second: Baseline) -> Comparison {
    first.run_id = "a".to_owned();
    second.run_id = "b".to_owned();
    first.interleaved_with = Some("b".to_owned());
    second.interleaved_with = Some("a".to_owned());
    compared(&first, &second)
}

#[test]
fn samples_of_two_separate_runs_are_shown_and_no_more() {
    let first = run(vec![timed("a", 2.0)]);
    let mut second = run(vec![timed("a", 9.0)]);
    let compared_apart = compared(&first, &second);
    let plan = &compared_apart.plans[0];
    assert_eq!(plan.verdict, Verdict::Unchanged);
    let shown = plan.times.as_ref().expect("both have samples");
    assert!((shown.first_p50 - 2.095).abs() < 1e-9 && (shown.second_p50 - 9.095).abs() < 1e-9);
    assert_eq!(shown.test, None);
    // One run that says so is not enough.
    second.interleaved_with = Some(first.run_id.clone());
    let one_sided = compared(&first, &second);
    assert_eq!(one_sided.plans[0].times.as_ref().expect("there").test, None);
    second.plans[0].execution_ms.clear();
    assert_eq!(compared(&first, &second).plans[0].times, None);
}

#[test]
fn a_real_difference_gates() {
    let slower = in_turns(run(vec![timed("a", 2.0)]), run(vec![timed("a", 3.0)]));
    let plan = &slower.plans[0];
    assert_eq!(plan.verdict, Verdict::Regressed);
    assert_eq!(
        plan.reasons[0],
        Reason {
            what: Cause::Time,
            effect: Effect::Worse,
            message: "execution time 2.09 ms → 3.09 ms (+48 %)".to_owned(),
        }
    );
    let test = plan.times.as_ref().and_then(|times| times.test);
    let test = test.expect("taken in turns");
    assert!(test.real && (test.shift_ms - 1.0).abs() < 1e-9);
    assert!(test.low_ms < 1.0 && test.high_ms > 1.0);
    let faster = in_turns(run(vec![timed("a", 3.0)]), run(vec![timed("a", 2.0)]));
    assert_eq!(faster.plans[0].verdict, Verdict::Improved);
    let slightly = in_turns(run(vec![timed("a", 3.0)]), run(vec![timed("a", 3.2)]));
    assert_eq!(slightly.plans[0].verdict, Verdict::Unchanged);
    let few = |around| {
        let mut plan = timed("a", around);
        plan.execution_ms.truncate(19);
        run(vec![plan])
    };
    assert_eq!(
        in_turns(few(2.0), few(9.0)).plans[0].verdict,
        Verdict::Unchanged
    );
}

#[test]
fn a_difference_of_one_pair_of_sessions_is_none() {
    // All of the first half lies 3 ms higher, none of the second: that is no property of a version.
    let one_half = |most: f64| {
        let around = (0..20).map(|n| 2.0 + f64::from(n) * 0.01 + if n < 10 { most } else { 0.0 });
        BaselinePlan {
            execution_ms: around.collect(),
            ..fetch("a")
        }
    };
    let compared = in_turns(run(vec![one_half(0.0)]), run(vec![one_half(3.0)]));
    let test = compared.plans[0]
        .times
        .as_ref()
        .and_then(|times| times.test);
    let [first, second] = test.expect("taken in turns").half_shifts_ms;
    assert!((first - 3.0).abs() < 1e-9 && second.abs() < 1e-9);
    assert_eq!(compared.plans[0].verdict, Verdict::Unchanged);
    // Where most samples of both halves are higher it is one, unless the halves contradict each other.
    let halves = |first: f64, second: f64| {
        let side = |moved: [f64; 2]| {
            let around = (0..20).map(|n: usize| 2.0 + n as f64 * 0.01 + moved[n / 10]);
            run(vec![BaselinePlan {
                execution_ms: around.collect(),
                ..fetch("a")
            }])
        };
        in_turns(side([0.0, 0.0]), side([first, second])).plans[0].verdict
    };
    assert_eq!(halves(3.0, 3.0), Verdict::Regressed);
    assert_eq!(halves(3.0, 0.25), Verdict::Regressed);
    assert_eq!(halves(3.0, 0.15), Verdict::Unchanged);
    assert_eq!(halves(-1.0, -1.0), Verdict::Improved);
}

#[test]
fn the_more_plans_are_tested_the_more_a_difference_has_to_be() {
    // The others do not differ at all, so this is the smallest probability, which is multiplied by how many there are.
    let doubtful = |moved: f64| {
        let spread = |n: u32| if n < 14 { moved } else { 0.0 };
        let around = (0..20).map(|n| 2.0 + f64::from(n % 10) * 0.001 + spread(n));
        BaselinePlan {
            execution_ms: around.collect(),
            ..fetch("doubtful")
        }
    };
    let p_adjusted = |others: usize| {
        let side = |plan: BaselinePlan| {
            let alike = (0..others).map(|n| timed(&n.to_string(), 1.0));
            run(std::iter::once(plan).chain(alike).collect())
        };
        let compared = in_turns(side(doubtful(0.0)), side(doubtful(0.5)));
        let test = compared.plans[0]
            .times
            .as_ref()
            .and_then(|times| times.test);
        let test = test.expect("taken in turns");
        (test.p_value, test.p_adjusted)
    };
    let (p_alone, adjusted_alone) = p_adjusted(0);
    assert_eq!(p_alone, adjusted_alone);
    let (p_among_ten, adjusted_among_ten) = p_adjusted(9);
    assert_eq!(p_among_ten, p_alone);
    assert!((adjusted_among_ten - 10.0 * p_alone).abs() < 1e-12);
}

#[test]
fn a_plan_that_only_stands_for_the_generic_one_was_not_timed_in_turns_with_it() {
    let mut differing = timed("a", 2.0);
    differing.generic_shape = GenericShape::Differs;
    let generic = BaselinePlan {
        execution_ms: times(9.0),
        ..generic("a")
    };
    let compared = in_turns(run(vec![timed("a", 2.0)]), run(vec![differing, generic]));
    let tests: Vec<bool> = compared
        .plans
        .iter()
        .map(|plan| {
            plan.times
                .as_ref()
                .is_some_and(|times| times.test.is_some())
        })
        .collect();
    assert_eq!(tests, [true, false]);
}
