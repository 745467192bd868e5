//! Gates: what the options ask of a comparison, and how the program ends by it.

use super::args::{self, Gate};
use super::exit::{Exit, Usage};
use crate::run::RunKind;
use crate::run::comparison::drains::DrainComparison;
use crate::run::comparison::gate::Outcome;
use crate::run::comparison::{Comparison, FailOn, Options, Tolerances};

/// How to compare.
#[must_use]
pub fn options(gate: &Gate) -> Options {
    Options {
        tolerances: Tolerances::with(&gate.tolerance),
        allow_different: gate.allow_different,
        ..Options::default()
    }
}

/// The first of its options that is there, as it is written; none if none is.
#[must_use]
pub fn given(gate: &Gate) -> Option<&'static str> {
    let given = [
        (gate.fail_on.is_some(), "--fail-on"),
        (!gate.tolerance.is_empty(), "--tolerance"),
        (gate.allow_different, "--allow-different"),
    ];
    let first = given.into_iter().find(|(given, _)| *given);
    first.map(|(_, option)| option)
}

/// Whether its tolerances are of counts that runs of this kind have.
///
/// # Errors
/// If one is not: it would be without effect.
pub fn check(gate: &Gate, kind: RunKind) -> Result<(), Usage> {
    let wants_drains = kind == RunKind::Throughput;
    let stranger = gate
        .tolerance
        .iter()
        .find(|one| one.is_of_drains() != wants_drains);
    stranger.map_or(Ok(()), |stranger| {
        Err(Usage(format!(
            "--tolerance {}: these are runs of {}, which have no such count",
            stranger.name(),
            kind.name()
        )))
    })
}

/// How the program ends by a comparison of drains.
#[must_use]
pub fn exit_of_drains(gate: &Gate, comparison: &DrainComparison) -> Exit {
    ended(gate, |fail_on| fail_on.judge_drains(comparison))
}

/// How the program ends by a comparison: well, unless something else was asked for.
#[must_use]
pub fn exit(gate: &Gate, comparison: &Comparison) -> Exit {
    ended(gate, |fail_on| fail_on.judge(comparison))
}

fn ended(gate: &Gate, judge: impl FnOnce(FailOn) -> Outcome) -> Exit {
    let fail_on = gate.fail_on.map(|what| match what {
        args::FailOn::Regression => FailOn::Regression,
        args::FailOn::Difference => FailOn::Difference,
    });
    match fail_on.map(judge) {
        None | Some(Outcome::Passed) => Exit::Done,
        Some(Outcome::Failed) => Exit::GateFailed,
        Some(Outcome::Inconclusive) => Exit::Inconclusive,
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    /// The options of gates alone.
    #[derive(Parser)]
    #[command(no_binary_name = true)]
    struct Alone {
        #[command(flatten)]
        gate: Gate,
    }

    #[test]
    fn a_tolerance_without_effect_is_refused() {
        let checked = |tolerance: &str, kind| {
            let words = ["--fail-on", "regression", "--tolerance", tolerance];
            let gate = Alone::try_parse_from(words).unwrap().gate;
            check(&gate, kind).map_err(|wrong| wrong.0)
        };
        assert_eq!(checked("pages_per_row=5", RunKind::Plans), Ok(()));
        assert_eq!(checked("pages_per_job=5", RunKind::Throughput), Ok(()));
        let refused = checked("pages_per_job=5", RunKind::Plans).unwrap_err();
        assert!(refused.contains("--tolerance pages_per_job"), "{refused}");
        let refused = checked("pages_per_row=5", RunKind::Throughput).unwrap_err();
        assert!(refused.contains("runs of throughput"), "{refused}");
    }
}
