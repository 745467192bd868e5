//! The figures of a plan in both runs: what each counts, which of them a reader is shown, by how much they differ.

use std::cmp::Ordering;

use crate::report::palette::Role;
use crate::run::comparison::{Cause, ComparedPlan, Effect, Figures, TimeTest};
use crate::units::{ByteUnit, Count, Growth, Significant, TimeUnit, UNKNOWN};

/// One figure in both runs, in words.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Figure {
    /// What it is, with its unit.
    pub(super) label: String,
    /// In the first run.
    pub(super) first: String,
    /// In the second run.
    pub(super) second: String,
    /// By how much it changed; empty where it did not.
    pub(super) change: String,
    /// What the change is worth in colour.
    pub(super) role: Role,
}

impl Figure {
    /// For example `pages per row 12.5 → 12.0 (−3.7 %)`.
    pub(super) fn in_words(&self) -> String {
        let change = match self.change.as_str() {
            "" => String::new(),
            change => format!(" ({change})"),
        };
        format!("{} {} → {}{change}", self.label, self.first, self.second)
    }
}

/// A count that may decide.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Counted {
    /// Pages of the plan.
    Pages,
    /// WAL bytes.
    Wal,
    /// Pages read to send the rows.
    OutputPages,
    /// Rows read and thrown away.
    RowsRemoved,
}

impl Counted {
    /// In the order they are shown.
    pub(super) const ALL: [Counted; 4] = [
        Counted::Pages,
        Counted::Wal,
        Counted::OutputPages,
        Counted::RowsRemoved,
    ];

    /// What a change of it is called as a reason.
    pub(super) fn cause(self) -> Cause {
        match self {
            Counted::Pages => Cause::PagesPerRow,
            Counted::Wal => Cause::WalPerRow,
            Counted::OutputPages => Cause::OutputPagesPerRow,
            Counted::RowsRemoved => Cause::RowsRemovedPerRow,
        }
    }

    /// Its name per row and of all rows, as reasons have it.
    fn names(self) -> [&'static str; 2] {
        match self {
            Counted::Pages => ["pages per row", "pages"],
            Counted::Wal => ["WAL per row", "WAL"],
            Counted::OutputPages => [
                "pages read per row to send the rows",
                "pages read to send rows",
            ],
            Counted::RowsRemoved => ["rows thrown away per row", "rows thrown away"],
        }
    }

    fn total(self, figures: &Figures) -> Option<f64> {
        let total = match self {
            Counted::Pages => figures.pages,
            Counted::Wal => figures.wal.bytes,
            Counted::OutputPages => figures.output?.pages,
            Counted::RowsRemoved => figures.rows_removed?,
        };
        Some(total as f64)
    }

    /// The count in both runs: per row, or of all rows where a run has none.
    pub(super) fn both(self, plan: &ComparedPlan) -> [Option<f64>; 2] {
        let divide = is_per_row(plan);
        [&plan.first, &plan.second].map(|side| {
            let figures = side.as_ref()?;
            let total = self.total(figures)?;
            Some(if divide {
                total / figures.rows as f64
            } else {
                total
            })
        })
    }

    /// As it is shown: label and both values.
    fn texts(self, plan: &ComparedPlan) -> [String; 3] {
        let both = self.both(plan);
        let [per_row, total] = self.names();
        let label = if is_per_row(plan) { per_row } else { total };
        let unit = ByteUnit::of_column(both.into_iter().flatten());
        let text = |number: Option<f64>| match (number, self) {
            (None, _) => UNKNOWN.to_owned(),
            (Some(bytes), Counted::Wal) => unit.cell(bytes),
            (Some(number), _) => quantity(number),
        };
        let label = match self {
            Counted::Wal => format!("{label}, {}", unit.name()),
            _ => label.to_owned(),
        };
        let [first, second] = both.map(text);
        [label, first, second]
    }
}

/// Whole numbers as they are, others with three digits.
fn quantity(number: f64) -> String {
    if number.fract() == 0.0 && number.abs() < 1e15 {
        Count(number as u64).to_string()
    } else {
        Significant(number).to_string()
    }
}

/// Whether every run that measured a plan has rows to divide by.
pub(super) fn is_per_row(plan: &ComparedPlan) -> bool {
    let mut sides = [&plan.first, &plan.second].into_iter().flatten();
    sides.all(|figures| figures.rows > 0)
}

/// The figures of a plan that a reader is shown: pages always, others where they changed; at last the times.
pub(super) fn figures(plan: &ComparedPlan) -> Vec<Figure> {
    let mut shown: Vec<Figure> = rows(plan).into_iter().collect();
    for counted in Counted::ALL {
        let both = counted.both(plan);
        if counted == Counted::Pages || both[0] != both[1] && both.iter().all(Option::is_some) {
            shown.push(figure(plan, counted));
        }
    }
    shown.extend(times(plan));
    shown
}

/// One count of a plan.
pub(super) fn figure(plan: &ComparedPlan, counted: Counted) -> Figure {
    let [label, first, second] = counted.texts(plan);
    Figure {
        label,
        first,
        second,
        change: match counted.both(plan) {
            [Some(first), Some(second)] => change(first, second),
            _ => String::new(),
        },
        role: match counted.both(plan) {
            [first, second] if first == second => Role::Quiet,
            _ => role(plan, counted.cause()),
        },
    }
}

fn rows(plan: &ComparedPlan) -> Option<Figure> {
    let (first, second) = (plan.first.as_ref()?.rows, plan.second.as_ref()?.rows);
    (first != second).then(|| Figure {
        label: "rows".to_owned(),
        first: Count(first).to_string(),
        second: Count(second).to_string(),
        change: change(first as f64, second as f64),
        role: role(plan, Cause::Rows),
    })
}

/// The median execution time of a plan.
fn times(plan: &ComparedPlan) -> Option<Figure> {
    let times = plan.times.as_ref()?;
    let unit = TimeUnit::of_column([times.first_p50, times.second_p50]);
    let is_real = times.test.as_ref().is_some_and(|test| test.real);
    Some(Figure {
        label: format!("execution time, {}", unit.name()),
        first: unit.cell(times.first_p50),
        second: unit.cell(times.second_p50),
        change: match &times.test {
            Some(test) => tested(test),
            None => change(times.first_p50, times.second_p50),
        },
        role: if is_real {
            role(plan, Cause::Time)
        } else {
            Role::Quiet
        },
    })
}

/// For example `+0.420 ms (0.310 … 0.550), p 0.0003 after Holm`.
fn tested(test: &TimeTest) -> String {
    let sign = if test.shift_ms < 0.0 { "−" } else { "+" };
    let signed = |milliseconds: f64| Significant(milliseconds).to_string().replace('-', "−");
    format!(
        "{sign}{} ms ({} … {}), p {} after Holm",
        Significant(test.shift_ms.abs()),
        signed(test.low_ms),
        signed(test.high_ms),
        probability(test.p_adjusted)
    )
}

fn probability(p_value: f64) -> String {
    if p_value < 0.0001 {
        "below 0.0001".to_owned()
    } else {
        Significant(p_value).to_string()
    }
}

fn role(plan: &ComparedPlan, cause: Cause) -> Role {
    let reason = plan.reasons.iter().find(|reason| reason.what == cause);
    reason.map_or(Role::Plain, |reason| effect_role(reason.effect))
}

/// What an effect is worth in colour.
pub(super) fn effect_role(effect: Effect) -> Role {
    match effect {
        Effect::Worse => Role::Critical,
        Effect::Unknown => Role::Warning,
        Effect::Better => Role::Note,
        Effect::Neutral => Role::Plain,
    }
}

/// By how much a number changed; empty where it did not.
fn change(before: f64, after: f64) -> String {
    match after.partial_cmp(&before) {
        None | Some(Ordering::Equal) => String::new(),
        Some(_) => Growth { before, after }.to_string(),
    }
}

/// By which factor a plan got worse at its worst, for one that did.
pub(super) fn worst_factor(plan: &ComparedPlan) -> Option<f64> {
    let is_worse = |cause| {
        let mut reasons = plan.reasons.iter();
        reasons.any(|reason| reason.what == cause && reason.effect == Effect::Worse)
    };
    let factor = |counted: Counted| {
        let [first, second] = counted.both(plan);
        let (first, second) = (first?, second?);
        // A shape is worse for the pages that come with it.
        let counts = is_worse(counted.cause())
            || counted == Counted::Pages && is_worse(Cause::Shape) && second > first;
        // What was none before has no factor.
        (counts && first > 0.0).then(|| second / first)
    };
    let costs = [Counted::Pages, Counted::Wal, Counted::OutputPages];
    let costs = costs.into_iter().filter_map(factor).reduce(f64::max);
    // Rows thrown away cost pages, and have large factors.
    costs.or_else(|| factor(Counted::RowsRemoved))
}

#[cfg(test)]
mod tests {
    use super::{change, tested};
    use crate::run::comparison::TimeTest;

    #[test]
    fn what_did_not_change_has_no_change() {
        let changes = [
            (17.6, 1_210.0, "69×"),
            (3.0, 3.0, ""),
            (0.0, 0.0, ""),
            (f64::NAN, 3.0, ""),
        ];
        for (before, after, text) in changes {
            assert_eq!(change(before, after), text, "{before} to {after}");
        }
    }

    #[test]
    fn a_test_of_times_is_told_with_its_interval() {
        let test = TimeTest {
            p_value: 0.000_01,
            p_adjusted: 0.000_3,
            shift_ms: -0.42,
            low_ms: -0.55,
            high_ms: -0.31,
            half_shifts_ms: [-0.4, -0.44],
            real: true,
        };
        assert_eq!(
            tested(&test),
            "−0.420 ms (−0.550 … −0.310), p 0.000300 after Holm"
        );
    }
}
