//! Rows that a statement asks for by their key, or as its worker's own: nobody chooses them from among others, so nobody else chooses the
//! same by chance.

use super::case::Case;
use super::predicate::{Comparison, comparisons, conjuncts};
use crate::plan::{Condition, PlanTree, References};
use crate::sql::part::parts;
use crate::sql::token::TokenKind;

/// What the column is called that says whose a row is.
const OWNERS: [&str; 10] = [
    "locked_by",
    "claimed_by",
    "reserved_by",
    "assigned_to",
    "owner",
    "owner_id",
    "worker",
    "worker_id",
    "worker_name",
    "consumer_id",
];

/// Whether a scan names its rows: every column of a unique key is compared for equality with something given, or a column that says whose
/// a row is. Where the indexes are not known: nothing but such comparisons, and no more than one row.
#[must_use]
pub fn is_own_row(case: &Case<'_>, tree: &PlanTree<'_>, scan: usize) -> bool {
    let node = tree.node(scan);
    let conditions = [Condition::Index, Condition::Recheck, Condition::Filter];
    let conditions: Vec<&str> = conditions
        .iter()
        .filter_map(|kind| node.condition(*kind))
        .collect();
    let asks = asks_for_init_plan(tree, scan);
    let is_given = |part: &Comparison<'_>| {
        part.is_equality() && !names_qualified(part.value) && !(asks && part.value.contains('$'))
    };
    let given: Vec<&str> = conditions
        .iter()
        .flat_map(|condition| comparisons(condition))
        .filter(is_given)
        .map(|part| part.column)
        .collect();
    if given.iter().any(|column| OWNERS.contains(column)) {
        return true;
    }
    let Some(relation) = node
        .relation_name
        .as_deref()
        .and_then(|name| case.catalog.relation(name))
    else {
        let parts = conditions
            .iter()
            .map(|condition| conjuncts(condition).len());
        return !given.is_empty()
            && given.len() == parts.sum::<usize>()
            && node.total_rows() <= node.loops().max(1) as f64;
    };
    relation.indexes.iter().any(|index| {
        index.is_unique()
            && index.predicate.is_none()
            && !index.columns.is_empty()
            && index
                .columns
                .iter()
                .all(|column| given.contains(&column.as_str()))
    })
}

/// Whether the node asks for the result of an InitPlan, which may have chosen what it finds.
fn asks_for_init_plan(tree: &PlanTree<'_>, node: usize) -> bool {
    let references = References::of(tree);
    let positions = tree.positions().iter();
    let mut init_plans = positions.filter(|position| position.node.is_init_plan());
    init_plans.any(|position| references.askers(position.index).contains(&node))
}

/// Whether an expression names a column of a relation (`next.id`) or an InitPlan's (`(InitPlan 1).col1`).
fn names_qualified(expression: &str) -> bool {
    parts(expression)
        .iter()
        .any(|part| part.kind == TokenKind::Dot || part.is_word("initplan"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::case::{Catalog, Index, Relation};
    use crate::plan::{Plan, PlanMode};

    fn is_own(condition: &str, rows: u64, catalog: &Catalog) -> bool {
        let text = format!(
            r#"{{"Plan":{{"Node Type":"LockRows","Plans":[{{"Node Type":"Seq Scan","Relation Name":"consumer","Alias":"consumer",
                "Actual Rows":{rows},"Actual Loops":1,"Filter":"{condition}"}}]}}}}"#
        );
        let plan = Plan::parse(&text).unwrap().remove(0);
        let case = Case {
            queue: "",
            fixture: "",
            operation: "fetch",
            variant: "",
            statement: "",
            statement_text: "",
            batch_size: None,
            mode: PlanMode::Custom,
            custom: None,
            generic: None,
            auto_plan: None,
            forced_plan_mode: None,
            catalog,
        };
        is_own_row(&case, &PlanTree::new(&plan), 1)
    }

    #[test]
    fn a_row_is_named_by_its_key_or_by_who_has_it() {
        let key = Index {
            columns: vec!["queue".to_owned()],
            definition: "CREATE UNIQUE INDEX consumer_pkey ON …".to_owned(),
            ..Index::default()
        };
        let known = Catalog {
            relations: vec![Relation {
                name: "consumer".to_owned(),
                indexes: vec![key],
                ..Relation::default()
            }],
            ..Catalog::default()
        };
        let unknown = Catalog::default();
        for (condition, rows, by_key, by_rows) in [
            ("(queue = 'mail'::text)", 1, true, true),
            ("(queue = $1)", 1, true, true),
            (
                "((queue = 'mail'::text) AND (state = 'x'::text))",
                400,
                true,
                false,
            ),
            ("(state = 'ready'::text)", 400, false, false),
            ("(queue = next.queue)", 1, false, false),
            ("(queue = (InitPlan 1).col1)", 1, false, false),
            ("(queue > 'a'::text)", 1, false, false),
            (
                "((worker_id = 7) AND (state = 'ready'::text))",
                400,
                true,
                true,
            ),
            ("(locked_by IS NULL)", 400, false, false),
            ("", 1, false, false),
        ] {
            assert_eq!(is_own(condition, rows, &known), by_key, "{condition}");
            assert_eq!(is_own(condition, rows, &unknown), by_rows, "{condition}");
        }
    }
}
