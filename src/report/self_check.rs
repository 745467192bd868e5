//! A self-check for people at a terminal: how often each rule cried wolf, and what that means.

use super::Layout;
use super::page::Page;
use super::palette::Role;
use super::text::inert;
use crate::run::self_check::{BORNE, SelfCheck};
use crate::run::selftest::FalseAlarms;
use crate::units::{Count, Significant, counted};

/// Columns before what a rule is.
const RULE_COLUMN: usize = 28;

/// Prints it.
pub(super) fn render(found: &SelfCheck, layout: Layout<'_>) -> String {
    let mut page = Page::of(layout);
    let what = format!(
        "Compared with itself: {} on PostgreSQL {}, {} a side, in turns",
        counted(found.counts.comparisons, "plan"),
        inert(&found.servers.join(", ")),
        counted(found.samples, "sample"),
    );
    page.hanging(0, Role::Title, &what);
    page.blank();
    let label = format!("  {:>7}  {:>12}", "plans", "false alarms");
    page.labelled(RULE_COLUMN, (Role::Quiet, &label), Role::Quiet, "by");
    let gates = [
        (found.counts, "counts, as a gate judges"),
        (
            found.times,
            "times, as a gate judges: rank test with Holm's correction, interval beyond 10 % and 0.1 ms",
        ),
    ];
    let others = [
        (
            found.without_correction,
            "the same without Holm's correction",
        ),
        (found.rank_test_alone, "the rank test alone"),
        (found.naive, "medians more than 5 % apart"),
    ];
    for (alarms, rule) in gates {
        let role = if alarms.alarms == 0 {
            Role::Plain
        } else {
            Role::Critical
        };
        line(&mut page, alarms, role, rule);
    }
    for (alarms, rule) in others {
        line(&mut page, alarms, Role::Quiet, rule);
    }
    if !found.alarms.is_empty() {
        page.blank();
    }
    for alarm in &found.alarms {
        let plan = [
            &alarm.queue,
            &alarm.fixture,
            &alarm.statement,
            &alarm.variant,
        ];
        let plan = plan.map(|name| inert(name)).join(" ");
        let text = format!("{plan} {}: {}", alarm.plan_mode, inert(&alarm.message));
        page.labelled(4, (Role::Plain, "  -"), Role::Plain, &text);
    }
    page.blank();
    page.hanging(0, Role::Plain, &verdict(found));
    page.text()
}

fn line(page: &mut Page, alarms: FalseAlarms, role: Role, rule: &str) {
    let share = match alarms.share() {
        Some(share) if alarms.alarms > 0 => format!(" {} %", Significant(share * 100.0)),
        _ => String::new(),
    };
    let label = format!(
        "  {:>7}  {:>4}{share:<8}",
        Count(alarms.comparisons as u64).to_string(),
        Count(alarms.alarms as u64).to_string()
    );
    page.labelled(RULE_COLUMN, (role, &label), role, rule);
}

/// What it means, as a sentence.
fn verdict(found: &SelfCheck) -> String {
    if found.counts.alarms > 0 {
        return "Counts differ where nothing was changed: they cannot gate here. `pgq-analyze selftest` says what is wrong.".to_owned();
    }
    let counts = "Counts are the same, so that they can gate.";
    let times = if found.times.comparisons == 0 {
        "No times were compared.".to_owned()
    } else if found.cries_wolf() {
        format!(
            "Times cried wolf more often than once in {BORNE}: this machine is too restless for them to gate now."
        )
    } else if found.times.alarms > 0 {
        format!(
            "Times cried wolf, not more often than once in {BORNE}: taken in turns they can gate too."
        )
    } else {
        "Times cried wolf nowhere: taken in turns they can gate too.".to_owned()
    };
    format!("{counts} {times}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::self_check::Alarm;

    fn alarms(comparisons: usize, alarms: usize) -> FalseAlarms {
        FalseAlarms {
            comparisons,
            alarms,
        }
    }

    fn found(counts: usize, times: usize) -> SelfCheck {
        let alarm = |by_time| Alarm {
            postgres: "15.18".to_owned(),
            queue: "status-partial".to_owned(),
            fixture: "heavy\u{1b}[31m".to_owned(),
            statement: "fetch".to_owned(),
            variant: "batch-1".to_owned(),
            plan_mode: "custom",
            by_time,
            message: "pages per row 15.0 → 16.0 (+7 %)".to_owned(),
        };
        let counted = (0..counts).map(|_| alarm(false));
        SelfCheck {
            format_version: 1,
            servers: vec!["15.18".to_owned()],
            runs: ["a".to_owned(), "b".to_owned()],
            samples: 20,
            counts: alarms(120, counts),
            times: alarms(120, times),
            without_correction: alarms(120, times),
            rank_test_alone: alarms(120, 7),
            naive: alarms(120, 21),
            alarms: counted.chain((0..times).map(|_| alarm(true))).collect(),
        }
    }

    fn text(counts: usize, times: usize) -> String {
        let layout = Layout {
            width: 100,
            color: false,
            folder: None,
        };
        render(&found(counts, times), layout)
    }

    #[test]
    fn no_false_alarm() {
        insta::assert_snapshot!(text(0, 0));
    }

    #[test]
    fn false_alarms_are_named_and_inert() {
        let text = text(1, 2);
        assert!(!text.contains('\u{1b}'), "{text}");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn a_restless_machine_is_told_from_one_that_is_not() {
        assert!(text(0, 1).contains("not more often than once in 100"));
        assert!(text(0, 2).contains("too restless"));
        assert!(text(1, 0).contains("they cannot gate here"));
    }
}
