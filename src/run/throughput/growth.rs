//! Whether the last jobs cost more pages than the first, and what the tables say of why.

use super::{TableChange, ThroughputResult};
use crate::units::{Bytes, Count, Growth, Significant};

/// Pages a job of the last tenth over those of the first up to which a cost counts as flat.
const FLAT: f64 = 1.25;

/// Dead rows that are left for each completed job from which on they are what fetches read past.
const MANY_DEAD: f64 = 0.1;

impl ThroughputResult {
    /// That the last tenth of the jobs took more pages a job than the first, and why, in a sentence; none where it did not, or is not known.
    #[must_use]
    pub fn growth(&self) -> Option<String> {
        let (first, last) = (self.tenths.first()?.pages, self.tenths.last()?.pages);
        let grew = first > 0.0 && last > first * FLAT;
        if !grew {
            return None;
        }
        let growth = format!(
            "the last tenth of the jobs took {} times the pages of the first",
            Significant(last / first)
        );
        let dead = |table: &&TableChange| table.dead_rows_after;
        let why = self.tables.iter().max_by_key(dead).map(|table| {
            let many = MANY_DEAD * self.deliveries.completed as f64;
            if table.dead_rows_after as f64 > many {
                left_dead(table)
            } else {
                without_dead(table)
            }
        });
        Some(why.map_or_else(|| growth.clone(), |why| format!("{growth}: {why}")))
    }
}

fn left_dead(table: &TableChange) -> String {
    let dead = Count(table.dead_rows_after);
    let name = &table.table;
    match table.autovacuums {
        0 => format!(
            "autovacuum never came to {name}, which had {dead} dead rows at the end, and fetches read past them"
        ),
        count => format!(
            "autovacuum came to {name} {} and yet {dead} dead rows were there at the end, and fetches read past them; let it come sooner",
            times(count)
        ),
    }
}

fn without_dead(table: &TableChange) -> String {
    let bytes = |table: u64, indexes: u64| table.saturating_add(indexes);
    let before = bytes(table.table_bytes_before, table.index_bytes_before);
    let after = bytes(table.table_bytes_after, table.index_bytes_after);
    let name = &table.table;
    let growth = Growth {
        before: before as f64,
        after: after as f64,
    };
    if after > before {
        format!(
            "it is not dead rows, of which {name} had {} at the end; table and indexes grew to {} ({growth})",
            Count(table.dead_rows_after),
            Bytes(after)
        )
    } else {
        format!(
            "it is neither dead rows, of which {name} had {} at the end, nor growth of the table",
            Count(table.dead_rows_after)
        )
    }
}

fn times(count: u64) -> String {
    match count {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        more => format!("{} times", Count(more)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A drain whose last tenth takes `factor` times the pages of the first.
    fn grown(factor: f64) -> ThroughputResult {
        let mut result = ThroughputResult::specimen();
        result.tenths[0].pages = 20.0;
        result.tenths[9].pages = 20.0 * factor;
        result
    }

    #[track_caller]
    fn says(result: &ThroughputResult, expected: &str) {
        let growth = result.growth().expect("it grew");
        assert!(growth.contains(expected), "{growth}");
    }

    #[test]
    fn a_quarter_more_is_still_flat() {
        assert_eq!(grown(1.25).growth(), None);
        assert_eq!(grown(0.5).growth(), None);
        says(&grown(1.26), "took 1.26 times the pages of the first: ");
    }

    #[test]
    fn what_is_not_known_is_not_judged() {
        let mut result = grown(3.0);
        result.tables.clear();
        assert_eq!(
            result.growth().as_deref(),
            Some("the last tenth of the jobs took 3.00 times the pages of the first")
        );
        result.tenths.clear();
        assert_eq!(result.growth(), None);
        assert_eq!(grown(f64::NAN).growth(), None);
    }

    #[test]
    fn dead_rows_are_set_against_what_autovacuum_did() {
        let mut result = grown(4.0);
        let table = &mut result.tables[0];
        (table.dead_rows_after, table.autovacuums) = (121_204, 0);
        says(
            &result,
            "autovacuum never came to job, which had 121,204 dead rows",
        );
        result.tables[0].autovacuums = 2;
        says(
            &result,
            "autovacuum came to job twice and yet 121,204 dead rows were there",
        );
    }

    #[test]
    fn without_dead_rows_something_else_is_why() {
        let mut result = grown(4.0);
        result.tables[0].dead_rows_after = 900;
        says(
            &result,
            "it is not dead rows, of which job had 900 at the end; table and indexes grew to 66.0 MB (2.0×)",
        );
        let table = &mut result.tables[0];
        (table.table_bytes_after, table.index_bytes_after) = (0, 0);
        says(&result, "nor growth of the table");
    }
}
