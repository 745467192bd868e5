//! What the environment says to the benches that need a server, and how they end.

use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

use anyhow::Context;
use pgq_analyze::cli::args::Common;
use pgq_analyze::cli::exit::{Exit, message};
use pgq_analyze::cli::interrupt::Interrupted;
use pgq_analyze::definition::Fixture;
use pgq_analyze::definition::fixture::Scale;

/// The program's options: its own defaults, and `PGQ_ANALYZE_CACHE_DIR` for another cache directory.
pub(crate) fn options() -> Common {
    Common {
        cache_dir: std::env::var_os("PGQ_ANALYZE_CACHE_DIR").map(PathBuf::from),
        ..Common::default()
    }
}

/// Whether figures are wanted: `cargo test --benches` runs benches too, without this argument, to see that they work.
pub(crate) fn measuring() -> bool {
    std::env::args().any(|argument| argument == "--bench")
}

/// The fixture with `PGQ_ANALYZE_ROWS` jobs; else with what its file says, or a thousand at most where no figures are wanted.
pub(crate) fn scaled(fixture: &Fixture) -> anyhow::Result<Fixture> {
    let few = (!measuring()).then_some(fixture.jobs.min(1_000));
    Ok(fixture.scaled(Scale {
        rows: number("PGQ_ANALYZE_ROWS")?.or(few),
        ..Scale::default()
    }))
}

/// A whole number from 1 that a variable holds, if it is set.
pub(crate) fn number<N: FromStr + PartialOrd + From<u8>>(name: &str) -> anyhow::Result<Option<N>> {
    let Some(text) = variable(name)? else {
        return Ok(None);
    };
    let number = text.parse().ok().filter(|number| *number >= N::from(1));
    let number = number
        .with_context(|| format!("{name} is `{text}`: give a whole number from 1, or unset it"))?;
    Ok(Some(number))
}

/// The text that a variable holds, if it is set.
pub(crate) fn variable(name: &str) -> anyhow::Result<Option<String>> {
    match std::env::var(name) {
        Ok(text) => Ok(Some(text)),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(error) => Err(error).context(format!("cannot read {name}: set it to text in UTF-8")),
    }
}

/// Says what went wrong, and how the program ends.
pub(crate) fn end(outcome: anyhow::Result<Result<(), Interrupted>>) -> ExitCode {
    match outcome {
        Ok(Ok(())) => Exit::Done.into(),
        Ok(Err(Interrupted)) => Exit::Interrupted.into(),
        Err(error) => {
            eprintln!("error: {}", message(&error));
            Exit::Failed.into()
        }
    }
}
