//! The counts that decide, each as a figure of both sides.

use super::{Cause, Effect, Tolerances};
use crate::run::baseline::BaselinePlan;
use crate::units::{Bytes, Growth, Significant};

/// A count that decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Count {
    /// Pages of the plan.
    Pages,
    /// WAL in bytes.
    Wal,
    /// Pages read to send the rows.
    OutputPages,
    /// Rows read and thrown away.
    RowsRemoved,
}

/// A count of both sides: per row, or in total where neither side has rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Figure {
    /// What it is, for example `pages per row`.
    pub(super) name: &'static str,
    /// In the first run.
    pub(super) before: f64,
    /// In the second run.
    pub(super) after: f64,
    in_bytes: bool,
}

impl Count {
    pub(super) const ALL: [Count; 4] = [
        Count::Pages,
        Count::Wal,
        Count::OutputPages,
        Count::RowsRemoved,
    ];

    /// What a difference in it is called.
    pub(super) fn cause(self) -> Cause {
        match self {
            Count::Pages => Cause::PagesPerRow,
            Count::Wal => Cause::WalPerRow,
            Count::OutputPages => Cause::OutputPagesPerRow,
            Count::RowsRemoved => Cause::RowsRemovedPerRow,
        }
    }

    /// By which share it may grow.
    pub(super) fn tolerance(self, mut tolerances: Tolerances) -> f64 {
        *self.tolerance_of(&mut tolerances)
    }

    /// Where its tolerance is kept.
    pub(super) fn tolerance_of(self, tolerances: &mut Tolerances) -> &mut f64 {
        match self {
            Count::Pages => &mut tolerances.pages_per_row,
            Count::Wal => &mut tolerances.wal_per_row,
            Count::OutputPages => &mut tolerances.output_pages_per_row,
            Count::RowsRemoved => &mut tolerances.rows_removed_per_row,
        }
    }

    /// Its name on the command line and in JSON.
    pub(super) fn key(self) -> &'static str {
        match self {
            Count::Pages => "pages_per_row",
            Count::Wal => "wal_per_row",
            Count::OutputPages => "output_pages_per_row",
            Count::RowsRemoved => "rows_removed_per_row",
        }
    }

    /// The keys of a result it is made of.
    pub(super) fn result_keys(self) -> &'static [&'static str] {
        match self {
            Count::Pages => &["buffers.total", "pages_per_row"],
            Count::Wal => &["wal.bytes"],
            Count::OutputPages => &["output.pages"],
            Count::RowsRemoved => &["rows_removed"],
        }
    }

    /// Its name per row and in total.
    fn names(self) -> [&'static str; 2] {
        match self {
            Count::Pages => ["pages per row", "pages"],
            Count::Wal => ["WAL per row", "WAL"],
            Count::OutputPages => [
                "pages read per row to send the rows",
                "pages read to send rows",
            ],
            Count::RowsRemoved => ["rows thrown away per row", "rows thrown away"],
        }
    }

    fn of(self, plan: &BaselinePlan) -> Option<u64> {
        match self {
            Count::Pages => Some(plan.pages),
            Count::Wal => Some(plan.wal.bytes),
            Count::OutputPages => plan.output.map(|output| output.pages),
            Count::RowsRemoved => plan.rows_removed,
        }
    }

    /// Of both sides. None where one of them did not record it, or where one has rows and the other has none: nothing per row can be
    /// compared with a total.
    pub(super) fn figure(self, first: &BaselinePlan, second: &BaselinePlan) -> Option<Figure> {
        let [per_row, total] = self.names();
        let (name, rows) = match (first.rows, second.rows) {
            (0, 0) => (total, [1, 1]),
            (0, _) | (_, 0) => return None,
            (before, after) => (per_row, [before, after]),
        };
        Some(Figure {
            name,
            before: self.of(first)? as f64 / rows[0] as f64,
            after: self.of(second)? as f64 / rows[1] as f64,
            in_bytes: self == Count::Wal,
        })
    }
}

impl Figure {
    /// What the difference is worth; none where it is within the tolerance, either way.
    pub(super) fn effect(&self, tolerance: f64) -> Option<Effect> {
        let factor = 1.0 + tolerance;
        if self.after > self.before * factor {
            Some(Effect::Worse)
        } else if self.before > self.after * factor {
            Some(Effect::Better)
        } else {
            None
        }
    }

    /// For example `15.0 → 1,210 (81×)`.
    pub(super) fn change(&self) -> String {
        let text = |value: f64| {
            if self.in_bytes {
                // The cast saturates.
                Bytes(value.round() as u64).to_string()
            } else {
                Significant(value).to_string()
            }
        };
        let values = format!("{} → {}", text(self.before), text(self.after));
        if self.before == 0.0 {
            return values;
        }
        let growth = Growth {
            before: self.before,
            after: self.after,
        };
        format!("{values} ({growth})")
    }
}
