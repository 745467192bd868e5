//! Gates: what the options ask of a comparison, and how the program ends by it.

use super::args::{self, Gate};
use super::exit::Exit;
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

/// How the program ends by a comparison: well, unless something else was asked for.
#[must_use]
pub fn exit(gate: &Gate, comparison: &Comparison) -> Exit {
    let fail_on = gate.fail_on.map(|what| match what {
        args::FailOn::Regression => FailOn::Regression,
        args::FailOn::Difference => FailOn::Difference,
    });
    match fail_on.map(|fail_on| fail_on.judge(comparison)) {
        None | Some(Outcome::Passed) => Exit::Done,
        Some(Outcome::Failed) => Exit::GateFailed,
        Some(Outcome::Inconclusive) => Exit::Inconclusive,
    }
}
