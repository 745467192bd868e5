//! What a plan does not tell, and what would tell it.

use std::collections::BTreeSet;

use crate::plan::{Plan, PlanWork};

/// So many unknown fields are named.
const MOST_NAMED: usize = 8;

/// What cannot be told of a plan, and what would tell it: lower case, no full stop.
#[must_use]
pub fn notes(plan: &Plan, work: &PlanWork, has_statement: bool) -> Vec<String> {
    let mut notes: Vec<String> = Vec::new();
    if plan.root.actual.is_none() {
        notes.push(
            "only what the planner expected, no rows, times or pages: explain (analyze, buffers) executes the statement and tells them; \
             where it writes, between begin and rollback"
                .to_owned(),
        );
    } else {
        notes.extend(missing_figures(plan, work).map(str::to_owned));
    }
    if !has_statement {
        notes.push(
            "the statement is not known: what is a literal and what a parameter, and whether a lock waits, cannot be told; put its text in \
             front of the plan (auto_explain logs it)"
                .to_owned(),
        );
    }
    notes.extend(unknown_fields(plan));
    notes
}

/// The options that a plan that was executed is without.
fn missing_figures(plan: &Plan, work: &PlanWork) -> impl Iterator<Item = &'static str> {
    let writes = plan.preorder().any(|position| position.node.writes());
    let missing = [
        (
            !work.has_times,
            "no times of nodes, TIMING was off: where the time went is not known; explain (analyze, timing), or auto_explain.log_timing = on",
        ),
        (
            !work.has_buffers,
            "no pages: what the statement costs whatever is cached is not known; explain (analyze, buffers), or auto_explain.log_buffers = on",
        ),
        (
            !work.has_wal && writes,
            "no WAL, though rows are written: explain (analyze, wal) from PostgreSQL 13 on, or auto_explain.log_wal = on",
        ),
    ];
    missing
        .into_iter()
        .filter(|(missing, _)| *missing)
        .map(|(_, note)| note)
}

/// The fields of the plan that this program does not know.
fn unknown_fields(plan: &Plan) -> Option<String> {
    let of_nodes = plan
        .preorder()
        .flat_map(|position| position.node.extra.keys());
    let unknown: BTreeSet<&str> = of_nodes
        .chain(plan.extra.keys())
        .map(String::as_str)
        .filter(|field| !is_known(field))
        .collect();
    let named: Vec<&str> = unknown.iter().copied().take(MOST_NAMED).collect();
    let more = unknown.len().saturating_sub(MOST_NAMED);
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    (!named.is_empty()).then(|| {
        format!(
            "fields this program does not know and did not look at: {}{more}",
            named.join(", ")
        )
    })
}

/// Whether PostgreSQL 12 to 18 print this field. The figures that nodes are judged by have a place of their own; these do not.
#[must_use]
pub fn is_known(field: &str) -> bool {
    FIELDS.contains(&field)
}

/// Fields of plans and nodes, from the manual's chapter on EXPLAIN and the plans of real servers.
const FIELDS: &[&str] = &[
    "Async Capable",
    "Average Sort Space Used",
    "Batch Size",
    "Cache Evictions",
    "Cache Hits",
    "Cache Key",
    "Cache Misses",
    "Cache Mode",
    "Cache Overflows",
    "Conflict Arbiter Indexes",
    "Conflict Filter",
    "Custom Plan Provider",
    "Disk Usage",
    "Foreign File",
    "Foreign File Size",
    "Foreign Program",
    "Full-sort Groups",
    "Function Call",
    "Group Count",
    "Group Key",
    "Group Keys",
    "Grouping Sets",
    "Hash Batches",
    "Hash Buckets",
    "Hash Key",
    "Hash Keys",
    "HashAgg Batches",
    "Inner Unique",
    "Maximum Storage",
    "Original Hash Batches",
    "Original Hash Buckets",
    "Params Evaluated",
    "Peak Memory Usage",
    "Peak Sort Space Used",
    "Planned Partitions",
    "Pre-sorted Groups",
    "Query Parameters",
    "Relations",
    "Remote SQL",
    "Repeatable Seed",
    "Rows Removed by Conflict Filter",
    "Run Condition",
    "Sampling Method",
    "Sampling Parameters",
    "Single Copy",
    "Sort Methods Used",
    "Sort Space Disk",
    "Sort Space Memory",
    "Storage",
    "Subplans Removed",
    "Table Function Call",
    "Table Function Name",
    "Target Tables",
    "Tuples Skipped",
    "Tuplestore Name",
    "Window",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::work;

    fn notes_of(text: &str, has_statement: bool) -> Vec<String> {
        let plan = Plan::parse(text).unwrap().remove(0);
        notes(&plan, &work(&plan), has_statement)
    }

    #[test]
    fn each_option_that_is_missing_is_named_with_what_would_tell() {
        for (node, parts) in [
            (r#""Plan Rows":1"#, &["explain (analyze, buffers)"][..]),
            (
                r#""Actual Rows":1,"Actual Loops":1"#,
                &["log_timing", "log_buffers", "log_wal"],
            ),
            (
                r#""Actual Rows":1,"Actual Loops":1,"Actual Startup Time":0,"Actual Total Time":1,"Shared Hit Blocks":1,"WAL Records":1"#,
                &[],
            ),
        ] {
            let text =
                format!(r#"{{"Plan":{{"Node Type":"ModifyTable","Operation":"Update",{node}}}}}"#);
            let notes = notes_of(&text, true);
            assert_eq!(notes.len(), parts.len(), "{notes:?}");
            for (note, part) in notes.iter().zip(parts) {
                assert!(note.contains(part), "{note}");
            }
        }
        let read = r#"{"Plan":{"Node Type":"Result","Actual Rows":1,"Actual Loops":1,"Actual Startup Time":0,"Actual Total Time":1,
            "Shared Hit Blocks":1}}"#;
        assert_eq!(notes_of(read, true), [""; 0], "what reads writes no WAL");
        assert!(notes_of(read, false)[0].starts_with("the statement is not known"));
    }

    #[test]
    fn unknown_fields_are_named_and_known_ones_are_not() {
        let text = r#"{"Plan":{"Node Type":"Result","Vendor Hints":1,"Inner Unique":true},"Query Parameters":"$1 = '1'","Cloud":2}"#;
        let notes = notes_of(text, true);
        assert!(notes[1].ends_with(": Cloud, Vendor Hints"), "{notes:?}");
    }

    #[test]
    fn real_servers_print_no_unknown_field() {
        let mut plans = 0;
        for version in [14, 15, 16, 17, 18] {
            let folder = format!("{}/tests/plans/pg{version}", env!("CARGO_MANIFEST_DIR"));
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.extension().is_none_or(|ending| ending != "json") {
                    continue;
                }
                let text = std::fs::read_to_string(&path).unwrap();
                for plan in Plan::parse(&text).unwrap() {
                    assert_eq!(unknown_fields(&plan), None, "{}", path.display());
                    plans += 1;
                }
            }
        }
        assert!(plans > 100, "{plans} plans");
    }
}
