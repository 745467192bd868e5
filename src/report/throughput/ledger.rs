//! What a drain's ledger says, in labelled lines.

use super::facts::{Fact, known, number};
use crate::report::palette::Role;
use crate::report::text::inert;
use crate::run::throughput::{LedgerCounts, LedgerExample, LedgerVerdict, ThroughputResult};
use crate::units::Count;

/// Every job's fate in a line, then the jobs that something was wrong with.
pub(super) fn facts(result: &ThroughputResult) -> Vec<Fact> {
    let ledger = &result.ledger;
    let verdict = result.ledger_verdict();
    let role = match verdict {
        LedgerVerdict::Clean => Role::Good,
        LedgerVerdict::Open => Role::Warning,
        LedgerVerdict::Duplicates | LedgerVerdict::Broken => Role::Critical,
    };
    if verdict == LedgerVerdict::Clean && is_spotless(ledger) {
        let text = format!(
            "clean: {}, all done; none lost, duplicated, unexpected or altered",
            number(ledger.acknowledged, "job")
        );
        return vec![Fact {
            label: "ledger",
            role,
            text,
        }];
    }
    let mut text = format!("{}: {}", verdict.name(), account(ledger));
    if ledger.lost > Some(0) && result.lost_against_promise() == Some(0) {
        let interrupted = result.deliveries.interrupted;
        text += &format!(
            " (allowed: {} interrupted)",
            if interrupted == 1 {
                "1 delivery was".to_owned()
            } else {
                format!("{} deliveries were", Count(interrupted))
            }
        );
    }
    text += &format!("; {} duplicated", Count(ledger.duplicated));
    let promise = result.delivery;
    if ledger.duplicated > 0 {
        let kept = if result.breaks_delivery() {
            "breaks"
        } else {
            "keeps to"
        };
        text += &format!(" ({kept} {promise})");
    }
    text += &format!(
        ", {} unexpected, {} altered",
        Count(ledger.unexpected),
        Count(ledger.altered)
    );
    for (count, what) in [
        (ledger.unknown, "completed without an answer"),
        (ledger.recovered, "enqueued without an answer"),
    ] {
        if count > 0 {
            text += &format!(", {} {what}", Count(count));
        }
    }
    let mut facts = vec![Fact {
        label: "ledger",
        role,
        text,
    }];
    let examples = ledger.examples.iter().map(example);
    facts.extend(examples.map(|text| Fact::plain("", text)));
    facts
}

/// What was wrong with a job.
pub(super) fn example(example: &LedgerExample) -> String {
    let job = example
        .seq
        .map_or_else(|| "a job".to_owned(), |seq| format!("job {seq}"));
    format!(
        "{job}, {}: {}",
        inert(&example.what),
        inert(&example.message)
    )
}

/// Whether every job was delivered, done, and nothing else happened.
fn is_spotless(ledger: &LedgerCounts) -> bool {
    let spotless = LedgerCounts {
        acknowledged: ledger.acknowledged,
        done: ledger.acknowledged,
        lost: Some(0),
        ..LedgerCounts::default()
    };
    *ledger == spotless
}

/// Where the jobs are.
fn account(ledger: &LedgerCounts) -> String {
    format!(
        "{} acknowledged = {} done + {} dead + {} remaining + {} lost",
        Count(ledger.acknowledged),
        Count(ledger.done),
        Count(ledger.dead),
        Count(ledger.remaining),
        known(ledger.lost.map(Count))
    )
}
