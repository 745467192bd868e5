//! Runs compared as wholes.

use super::*;

#[test]
fn the_sample_has_every_verdict_and_every_cause() {
    let comparison = sample::comparison();
    let verdicts = comparison.verdicts;
    let counted = VerdictCounts {
        regressed: 9,
        inconclusive: 3,
        improved: 3,
        appeared: 1,
        vanished: 1,
        unchanged: 4,
    };
    assert_eq!(verdicts, counted);
    let mut causes: Vec<Cause> = comparison
        .plans
        .iter()
        .flat_map(|plan| &plan.reasons)
        .map(|reason| reason.what)
        .collect();
    causes.sort_unstable();
    causes.dedup();
    assert_eq!(causes.len(), 11, "{causes:?}");
}

#[test]
fn a_run_and_itself_are_unchanged() {
    let comparison = sample::unchanged();
    let unchanged = comparison.verdicts.unchanged;
    assert_eq!(unchanged, comparison.plans.len());
    assert_eq!(comparison.changes, []);
}
