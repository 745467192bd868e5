//! Why a plan is worse or better, in a few words: what fits the cell of a table.

use super::plan_words;
use super::queue_change::QueueFacts;
use super::{Cause, ComparedPlan, Effect, Reason};
use crate::finding::wording::listed;
use crate::run::baseline::BaselinePlan;

/// Characters at most.
const CHARACTERS: usize = 100;

/// Why, for a plan whose reasons are in order; empty where it has none.
pub(super) fn why(
    plan: &ComparedPlan,
    both: Option<(&BaselinePlan, &BaselinePlan)>,
    queue: &QueueFacts,
) -> String {
    let Some(first) = plan.reasons.first() else {
        return String::new();
    };
    let effect = first.effect;
    let of = |what: Cause| {
        let mut reasons = plan.reasons.iter();
        reasons.find(|reason| reason.what == what && reason.effect == effect)
    };
    let shape = plan
        .reasons
        .iter()
        .find(|reason| reason.what == Cause::Shape);
    let plans = both.filter(|_| shape.is_some());
    let brief = plans
        .and_then(|(one, other)| plan_words::brief(&one.plan, &other.plan, &queue.indexes))
        // A plan that is cheaper does not explain what is worse, unless it sorts.
        .filter(|brief| of(Cause::Shape).is_some() || brief.contains("sorted"));
    let text = match (of(Cause::Rows), of(Cause::Order), brief) {
        (Some(reason), ..) | (None, Some(reason), None) => reason.message.clone(),
        (None, Some(_), Some(brief)) => format!("the order of service is reversed: {brief}"),
        (None, None, Some(brief)) => brief,
        (None, None, None) => of(Cause::Finding).map_or_else(
            || of_counts(plan, first, both, queue),
            |reason| found(&reason.message),
        ),
    };
    shortened(&text)
}

/// What a finding says first: without its rule, what is in parentheses, and what follows from it.
fn found(message: &str) -> String {
    let (_, text) = message.split_once(": ").unwrap_or(("", message));
    let mut depth = 0_usize;
    let mut shown = String::new();
    for character in text.chars() {
        match character {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ if depth == 0 => shown.push(character),
            _ => {}
        }
    }
    let shown = shown.split([':', ';']).next().unwrap_or_default();
    shown.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What made the counts of the same plan change.
fn of_counts(
    plan: &ComparedPlan,
    first: &Reason,
    both: Option<(&BaselinePlan, &BaselinePlan)>,
    queue: &QueueFacts,
) -> String {
    let is_written = matches!(first.what, Cause::PagesPerRow | Cause::WalPerRow);
    let wal = both.map(|(one, other)| (one.wal.bytes, other.wal.bytes));
    if first.effect == Effect::Better
        && is_written
        && let Some(index) = queue.indexes.gone.first()
        && wal.is_some_and(|(before, after)| after < before)
    {
        return format!("`{index}` is gone and is not written to any more");
    }
    if first.effect == Effect::Worse
        && is_written
        && let Some(index) = queue.indexes.new.first()
        && wal.is_some_and(|(before, after)| after > before)
    {
        return format!("`{index}` is new, and each row that is written goes to it too");
    }
    let message = &first.message;
    match first.what {
        Cause::AutoPlan => {
            let (words, _) = message.split_once(": ").unwrap_or((message, ""));
            return words.to_owned();
        }
        Cause::Failure => return message.clone(),
        _ => {}
    }
    let fetches = queue.changed_before(&plan.operation, &plan.statement);
    if !fetches.is_empty() {
        let fetches: Vec<String> = fetches.iter().map(|name| format!("`{name}`")).collect();
        let fetches: Vec<&str> = fetches.iter().map(String::as_str).collect();
        let (has, claims) = match fetches.len() {
            1 => ("has", "claims"),
            _ => ("have", "claim"),
        };
        let fetches = listed(&fetches);
        return format!("the same SQL, but {fetches} {has} changed, which {claims} its jobs");
    }
    // What follows the figures, which stand beside it.
    match message.split_once(" → ").map(|(_, rest)| rest) {
        None => message.clone(),
        Some(rest) => {
            let words = rest.split_once(": ").or_else(|| rest.split_once("; "));
            words.map_or(String::new(), |(_, words)| words.to_owned())
        }
    }
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= CHARACTERS {
        return text.to_owned();
    }
    let mut kept: String = text.chars().take(CHARACTERS - 1).collect();
    // A backtick without its partner would be shown as one.
    if kept.matches('`').count() % 2 == 1 {
        let cut = kept.rfind('`').unwrap_or(0);
        kept.truncate(cut);
    }
    kept.trim_end().to_owned() + "…"
}

#[cfg(test)]
mod tests {
    use super::{CHARACTERS, found, shortened};

    #[test]
    fn a_finding_is_told_by_what_it_says_first() {
        let message = "new critical finding lock-after-limit: chooses 10 rows of job first (Limit ← (a) b) and locks them afterwards (LockRows): two workers";
        assert_eq!(
            found(message),
            "chooses 10 rows of job first and locks them afterwards"
        );
    }

    #[test]
    fn what_is_cut_opens_no_code() {
        let text = format!("a `{}`", "b".repeat(CHARACTERS));
        assert_eq!(shortened(&text), "a…");
        assert_eq!(shortened("a `b`"), "a `b`");
    }
}
