//! The marks in tables of plans, and what they mean.

use crate::run::plan_result::{GenericShape, PlanMode, PlanResult};
use crate::units::Count;

/// What marks a column whose values are not comparable with those of other servers.
pub(super) const NOT_COMPARABLE: &str = "≈";

/// What stands behind the pages of a statement that reads more of them when its rows are sent.
const MORE_WHEN_SENT: &str = "+";

/// `custom`, `generic`, `both` or `single`; `*` marks the one PostgreSQL settles on.
pub(super) fn mode(result: &PlanResult) -> String {
    match (result.plan_mode, result.generic_shape) {
        (PlanMode::Custom, GenericShape::Same) => "both".to_owned(),
        (PlanMode::Custom, GenericShape::None) => "single".to_owned(),
        (mode, _) if result.auto_plan == Some(mode) => format!("{}*", mode.name()),
        (mode, _) => mode.name().to_owned(),
    }
}

/// Explains the marks that occur in tables.
pub(super) fn legend(
    results: &[PlanResult],
    is_limited: bool,
) -> Vec<(&'static str, &'static str)> {
    let any = |occurs: fn(&PlanResult) -> bool| results.iter().any(occurs);
    let marks = [
        (
            any(|result| result.plan_mode == PlanMode::Generic),
            "↳",
            "the generic plan, where its shape differs from the custom one's, if only in the place of a condition",
        ),
        (
            any(|result| mode(result) == "both"),
            "both",
            "the generic plan has the same shape",
        ),
        (
            any(|result| mode(result) == "single"),
            "single",
            "no parameters, hence one plan",
        ),
        (
            any(|result| mode(result).ends_with('*')),
            "*",
            "PostgreSQL settles on this plan by itself",
        ),
        (
            any(reads_when_sent),
            MORE_WHEN_SENT,
            "and pages of values stored out of line, read when the rows are sent: output.pages in run.json",
        ),
        (
            any(|result| result.execution_ms.p95.is_none()),
            "p95",
            "needs 20 samples",
        ),
        (
            is_limited,
            NOT_COMPARABLE,
            "not comparable with other servers, see the limitations",
        ),
    ];
    marks
        .into_iter()
        .filter(|(occurs, ..)| *occurs)
        .map(|(_, mark, meaning)| (mark, meaning))
        .collect()
}

/// A statement's pages as a cell, with a space in the place of the mark where only others have it.
pub(super) fn pages(result: &PlanResult, any_is_marked: bool) -> String {
    let mark = match (reads_when_sent(result), any_is_marked) {
        (true, _) => Some(MORE_WHEN_SENT),
        (false, true) => Some(" "),
        (false, false) => None,
    };
    let mut cell = Count(result.buffers.total).to_string();
    cell.extend(mark);
    cell
}

/// Whether sending its rows reads pages that are in no node of the plan.
pub(super) fn reads_when_sent(result: &PlanResult) -> bool {
    result.output.is_some_and(|output| output.pages > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::sample;

    #[test]
    fn pages_read_to_send_the_rows_are_marked_and_explained() {
        let mut results = sample::run().results;
        results.truncate(2);
        assert!(legend(&results, false).iter().all(|(mark, _)| *mark != "+"));
        assert_eq!(pages(&results[0], false), "7");
        if let Some(output) = &mut results[1].output {
            output.pages = 91;
        }
        assert!(legend(&results, false).iter().any(|(mark, _)| *mark == "+"));
        let cells = results.iter().map(|result| pages(result, true));
        assert_eq!(cells.collect::<Vec<_>>(), ["7 ", "166+"]);
    }
}
