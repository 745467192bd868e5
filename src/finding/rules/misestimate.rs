//! `misestimate`: a scan or join returns many times more or fewer rows than the planner expected.
//!
//! # Why it hurts
//! The planner chooses among plans by how many rows it expects. Expecting ten where there are ten thousand, it joins row by row what it
//! should have hashed, and gives a sort too little memory. In a queue the numbers change all the time: statistics taken while it was empty
//! say that nothing is ever due, and state and queue depend on each other, of which the planner knows nothing unless it is told.
//!
//! # Example
//! ```text
//! Nested Loop (rows=1) (actual rows=9000)
//!   -> Seq Scan on job (rows=1) (actual rows=9000)  Filter: queue = 'mail' and state = 'retry'
//! ```
//!
//! # Fix
//! `analyze`, and autovacuum often enough. Where it stays: `create statistics` on columns that depend on each other.
//!
//! # Thresholds
//! Ten times, and at least 100 rows on the larger side a loop; told of the lowest node only, since those above go wrong with it. Quiet
//! below a Limit or a row lock, which may stop early or skip rows; where fewer rows may mean that nobody asked for more (the inner side of
//! a semi-join, one side of a merge join, subqueries) only too few expected rows are told. Quiet in generic plans, and where a condition
//! compares with what is not known while planning (a parameter, a subquery, a function): there the planner guesses. Quiet too where nothing
//! was chosen by it: an index scan that feeds no join, sort or hash looks its rows up whatever is expected of it. A note by itself, since it
//! costs nothing but through the plan; a warning where the catalogs say that the statistics are old. Quiet on a fixture that was analysed
//! after it was filled: what differs there was changed by the jobs fetched since, as in any queue.
//!
//! # Source
//! pg-boss#842 (4 → 400 ms), sourcegraph#37462 (117 s); ten times is the threshold of common plan reviewers.

use serde_json::json;

use super::{Rule, page};
use crate::definition::fixture::Analyze;
use crate::finding::case::{Case, PlanView};
use crate::finding::predicate::{comparisons, without_alias};
use crate::finding::wording::{evidence, rows};
use crate::finding::{Finding, Severity};
use crate::plan::{Condition, PlanMode, PlanNode, PlanTree, Position, Relationship, node_label};

pub(super) const RULE: Rule = Rule {
    id: "misestimate",
    summary: "a scan or join returns many times more or fewer rows than the planner expected",
    severity: Severity::Warning,
    check,
    page: page(include_str!("misestimate.rs")),
};

const LEAST_FACTOR: f64 = 10.0;
const LEAST_ROWS: f64 = 100.0;
const LEAST_PAGES: u64 = 64;

/// What decides which rows a scan or join returns.
const CONDITIONS: [Condition; 6] = [
    Condition::Index,
    Condition::Recheck,
    Condition::Filter,
    Condition::Hash,
    Condition::Merge,
    Condition::Join,
];

fn check(case: &Case<'_>) -> Vec<Finding> {
    let is_fresh = case.catalog.analyze == Some(Analyze::After);
    let judged = case.judged().filter(|_| case.mode == PlanMode::Custom);
    let Some(view) = judged.filter(|_| !is_fresh) else {
        return Vec::new();
    };
    let tree = PlanTree::new(view.plan);
    let told = told(&tree);
    let steers = steers(&tree);
    let mut trust = vec![Trust::Sound; tree.len()];
    let mut findings = Vec::new();
    // Backwards: a node after all that feeds it.
    for position in tree.positions().iter().rev() {
        let inputs = tree.children(position.index);
        let fed = inputs.filter(|child| !tree.node(*child).is_init_plan());
        let worst = fed.map(|child| trust[child]).max();
        trust[position.index] = match (worst, kind(position.node)) {
            (Some(Trust::Guess), _) | (_, Kind::Guess) => Trust::Guess,
            (_, Kind::Other) => Trust::Sound,
            (_, Kind::Estimated) => match mistake(position.node, told[position.index]) {
                Some(mistake) => {
                    if steers[position.index] || chooses_access(&view, position) {
                        findings.push(finding(case, position.node, mistake));
                    }
                    // What is above goes wrong with it.
                    Trust::Guess
                }
                None => Trust::Sound,
            },
        };
    }
    findings.reverse();
    findings
}

/// Whether the number of rows expected of a node rests on statistics.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Trust {
    Sound,
    Guess,
}

/// What can be told of the number of rows a node returned.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Told {
    /// It ran to its end.
    All,
    /// It may have been stopped when nobody asked for more: only more rows than expected tell.
    More,
    /// A limit or a row lock bounds it.
    Nothing,
}

fn told(tree: &PlanTree<'_>) -> Vec<Told> {
    let mut told = vec![Told::All; tree.len()];
    for position in tree.positions() {
        let Some(parent) = position.parent else {
            continue;
        };
        let above = tree.node(parent);
        let here = match above.node_type.as_str() {
            // Printed below them, an InitPlan is asked for by whoever needs it.
            "Limit" | "LockRows" if !position.node.is_init_plan() => Told::Nothing,
            _ if may_stop(above, position.node) => Told::More,
            _ => Told::All,
        };
        told[position.index] = here.max(told[parent]);
    }
    told
}

/// Whether the rows expected of a node decided how a node above it works.
fn steers(tree: &PlanTree<'_>) -> Vec<bool> {
    let mut steers = vec![false; tree.len()];
    for position in tree.positions() {
        let Some(parent) = position.parent.filter(|_| !position.node.is_init_plan()) else {
            continue;
        };
        let above = tree.node(parent);
        let kind = above.node_type.as_str();
        let is_chosen = kind.ends_with("Join")
            || kind.ends_with("Sort")
            || matches!(kind, "Nested Loop" | "Hash" | "Materialize" | "Memoize")
            || above.strategy.as_deref() == Some("Hashed");
        steers[position.index] = is_chosen || steers[parent];
    }
    steers
}

/// Whether it decided how the node itself works: a join, or a scan of more than it returns that an index would spare.
fn chooses_access(view: &PlanView<'_>, position: &Position<'_>) -> bool {
    let own = view.work.nodes.get(position.index);
    let pages = own.map_or(0, |work| work.buffers.total());
    match position.node.node_type.as_str() {
        "Seq Scan" | "Bitmap Heap Scan" => !view.work.has_buffers || pages >= LEAST_PAGES,
        kind => !kind.ends_with("Scan"),
    }
}

/// Whether a node may leave rows of an input unasked for.
fn may_stop(above: &PlanNode, input: &PlanNode) -> bool {
    let stops_at_first_match = above
        .join_type
        .as_deref()
        .is_some_and(|kind| kind.contains("Semi") || kind.contains("Anti"));
    match &input.parent_relationship {
        // What writes runs to its end.
        Some(Relationship::InitPlan) => !input.is_modify_table(),
        Some(Relationship::SubPlan) => true,
        Some(Relationship::Inner) => stops_at_first_match || above.node_type == "Merge Join",
        _ => above.node_type == "Merge Join",
    }
}

/// How the planner comes to the rows it expects of a node.
enum Kind {
    /// From the statistics of tables.
    Estimated,
    /// From a constant of its own.
    Guess,
    /// It hands on what it gets.
    Other,
}

fn kind(node: &PlanNode) -> Kind {
    let name = node.node_type.as_str();
    let is_scan = name.ends_with("Scan") && name != "Bitmap Index Scan";
    let is_join = name.ends_with("Join") || name == "Nested Loop";
    let is_guessed = CONDITIONS.iter().any(|condition| {
        node.condition(*condition)
            .is_some_and(|text| text.contains('$') || text.contains("Plan "))
    });
    if is_guessed || (is_scan && node.relation_name.is_none() && name != "Subquery Scan") {
        Kind::Guess
    } else if is_scan || is_join {
        Kind::Estimated
    } else if matches!(
        name,
        "Aggregate" | "Group" | "ProjectSet" | "SetOp" | "Unique"
    ) {
        Kind::Guess
    } else {
        Kind::Other
    }
}

/// Rows a loop, expected and returned.
#[derive(Clone, Copy)]
struct Mistake {
    expected: f64,
    actual: f64,
}

impl Mistake {
    fn factor(self) -> f64 {
        let (expected, actual) = (self.expected.max(1.0), self.actual.max(1.0));
        (expected / actual).max(actual / expected)
    }
}

fn mistake(node: &PlanNode, told: Told) -> Option<Mistake> {
    let actual = node.actual.filter(|actual| actual.loops > 0)?;
    let mistake = Mistake {
        expected: node.estimate.rows,
        actual: actual.rows,
    };
    let is_told = match told {
        Told::All => true,
        Told::More => mistake.actual > mistake.expected,
        Told::Nothing => false,
    };
    let is_large =
        mistake.factor() >= LEAST_FACTOR && mistake.expected.max(mistake.actual) >= LEAST_ROWS;
    (is_told && is_large).then_some(mistake)
}

fn finding(case: &Case<'_>, node: &PlanNode, mistake: Mistake) -> Finding {
    let relation = node.relation_name.as_deref();
    let age = relation.and_then(|relation| age(case, relation));
    let direction = if mistake.actual > mistake.expected {
        "more"
    } else {
        "fewer"
    };
    let each = if node.loops() > 1 { " a loop" } else { "" };
    let because = age.as_ref().map_or(String::new(), |age| format!("; {age}"));
    Finding {
        rule: RULE.id.to_owned(),
        severity: if age.is_some() {
            RULE.severity
        } else {
            Severity::Note
        },
        message: format!(
            "returns {} rows{each} where {} were expected, {} times {direction}{because}",
            rows(mistake.actual),
            rows(mistake.expected),
            rows(mistake.factor())
        ),
        help: help(node),
        node: Some(node_label(node)),
        evidence: evidence([
            ("relation", json!(relation)),
            ("rows_expected", json!(mistake.expected)),
            ("rows_returned", json!(mistake.actual)),
            ("loops", json!(node.loops())),
        ]),
    }
}

/// What the catalogs say of the age of a relation's statistics, if they are old.
fn age(case: &Case<'_>, relation: &str) -> Option<String> {
    let known = case.catalog.relation(relation)?;
    match case.catalog.analyze {
        Some(Analyze::Never) => return Some(format!("{relation} was never analysed")),
        Some(Analyze::Before) => {
            return Some(format!("{relation} was analysed before it was filled"));
        }
        _ => (),
    }
    let (then, now) = (known.rows.max(1), known.live_rows?.max(1));
    let is_old = then / now >= 2 || now / then >= 2;
    is_old.then(|| {
        format!(
            "{relation} had {} rows when it was analysed and has {}",
            rows(then as f64),
            rows(now as f64)
        )
    })
}

fn help(node: &PlanNode) -> String {
    let Some(relation) = node.relation_name.as_deref() else {
        return "analyze the tables joined; where it stays, the columns joined by depend on other conditions, which no statistics tell: \
                join fewer rows by narrowing each side first"
            .to_owned();
    };
    let conditions = CONDITIONS.iter().filter_map(|kind| node.condition(*kind));
    let mut columns: Vec<&str> = Vec::new();
    for part in conditions.clone().flat_map(comparisons) {
        if !columns.contains(&part.column) {
            columns.push(part.column);
        }
    }
    match columns.as_slice() {
        [_, _, ..] => format!(
            "analyze {relation}; where it stays: create statistics {relation}_{} (dependencies, mcv) on {} from {relation}, and analyze \
             again",
            columns.join("_"),
            columns.join(", ")
        ),
        _ => {
            let shown: Vec<String> = conditions
                .map(|text| without_alias(text, node.alias.as_deref()))
                .collect();
            let on = if shown.is_empty() {
                String::new()
            } else {
                format!(", which {} is estimated by", shown.join(" and "))
            };
            format!("analyze {relation}{on}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::rules::golden_case::GoldenCase;

    #[test]
    fn columns_that_depend_on_each_other_fire_on_every_version() {
        for version in [14, 15, 16, 17, 18] {
            let golden = GoldenCase::read(version, "correlated").operation("inspect");
            let findings = check(&golden.case());
            assert_eq!(findings.len(), 1, "pg{version}: {findings:?}");
            assert_eq!(findings[0].severity, Severity::Note);
            assert!(
                findings[0].message.starts_with("returns 1,000 rows where ")
                    && findings[0].message.ends_with(" times more"),
                "{findings:?}"
            );
            assert!(
                findings[0]
                    .help
                    .contains("create statistics paired_kind_state (dependencies, mcv) on kind, state from paired"),
                "{findings:?}"
            );
        }
    }

    #[test]
    fn a_table_that_was_never_analysed_is_a_warning() {
        for version in [14, 15, 16, 17, 18] {
            let golden = GoldenCase::read(version, "never-analysed").operation("inspect");
            let mut case = golden.case();
            let catalog = with_age("fresh", Analyze::Never);
            case.catalog = &catalog;
            let findings = check(&case);
            assert_eq!(findings.len(), 1, "pg{version}: {findings:?}");
            assert_eq!(findings[0].severity, Severity::Warning);
            assert!(
                findings[0].message.ends_with("; fresh was never analysed"),
                "{findings:?}"
            );
            let catalog = with_age("fresh", Analyze::After);
            case.catalog = &catalog;
            assert_eq!(check(&case), [], "pg{version}");
        }
    }

    fn with_age(relation: &str, analyze: Analyze) -> crate::finding::case::Catalog {
        let relation = crate::finding::case::Relation {
            name: relation.to_owned(),
            ..Default::default()
        };
        crate::finding::case::Catalog {
            relations: vec![relation],
            analyze: Some(analyze),
        }
    }

    #[test]
    fn nothing_is_said_below_a_limit_or_a_lock() {
        for version in [14, 15, 16, 17, 18] {
            for name in [
                "correlated-limit",
                "correlated-lock",
                "correlated-known",
                "fetch-array",
                "fetch-cte-custom",
                "complete-array",
                "complete-unnest",
                "natural-mistake",
            ] {
                let golden = GoldenCase::read(version, name).operation("");
                assert_eq!(check(&golden.case()), [], "pg{version}/{name}");
            }
            let golden = GoldenCase::read(version, "correlated").mode(PlanMode::Generic);
            assert_eq!(check(&golden.case()), [], "pg{version}");
        }
    }

    /// A scan with these rows expected and returned, a loop, below a node with these keys.
    fn below(above: &str, role: &str, expected: u64, actual: u64, condition: &str) -> usize {
        let golden = GoldenCase::of(&format!(
            r#"{{"Plan":{{{above},"Plan Rows":1,"Actual Rows":1,"Actual Loops":1,"Plans":[
                {{"Node Type":"Seq Scan","Relation Name":"job","Parent Relationship":"{role}","Plan Rows":{expected},
                  "Actual Rows":{actual},"Actual Loops":1,"Filter":"{condition}"}}]}}}}"#
        ));
        check(&golden.operation("").case()).len()
    }

    #[test]
    fn ten_times_and_a_hundred_rows() {
        let sort = r#""Node Type":"Sort""#;
        for (expected, actual, found) in [
            (10, 100, 1),
            (100, 10, 1),
            (11, 100, 0),
            (9, 99, 0),
            (0, 100, 1),
            (1_000, 0, 1),
        ] {
            assert_eq!(
                below(sort, "Outer", expected, actual, "(state = 'ready'::text)"),
                found,
                "{expected} {actual}"
            );
        }
        for guess in [
            "(state = $1)",
            "(id = (InitPlan 1).col1)",
            "(hashed SubPlan 1)",
        ] {
            assert_eq!(below(sort, "Outer", 10, 5_000, guess), 0, "{guess}");
        }
    }

    #[test]
    fn a_look_up_that_feeds_no_choice_is_quiet() {
        let scan = |kind: &str, pages: u64, above: &str| {
            let golden = GoldenCase::of(&format!(
                r#"{{"Plan":{{{above},"Plan Rows":0,"Actual Rows":0,"Actual Loops":1,"Shared Hit Blocks":{pages},"Plans":[
                    {{"Node Type":"{kind}","Relation Name":"job","Plan Rows":1,"Actual Rows":100,"Actual Loops":1,
                      "Shared Hit Blocks":{pages},"Filter":"(locked_by = 'worker'::text)"}}]}}}}"#
            ));
            check(&golden.operation("complete").case()).len()
        };
        let update = r#""Node Type":"ModifyTable","Operation":"Update""#;
        assert_eq!(scan("Index Scan", 400, update), 0);
        assert_eq!(
            [scan("Seq Scan", 64, update), scan("Seq Scan", 63, update)],
            [1, 0]
        );
        assert_eq!(scan("Index Scan", 400, r#""Node Type":"Sort""#), 1);
        let hashed = r#""Node Type":"Aggregate","Strategy":"Hashed""#;
        let plain = r#""Node Type":"Aggregate","Strategy":"Plain""#;
        assert_eq!(
            [scan("Index Scan", 9, hashed), scan("Index Scan", 9, plain)],
            [1, 0]
        );
    }

    #[test]
    fn what_may_stop_early_tells_only_of_more_rows() {
        let condition = "(state = 'ready'::text)";
        for (above, role, more, fewer) in [
            (r#""Node Type":"Limit""#, "Outer", 0, 0),
            (r#""Node Type":"LockRows""#, "Outer", 0, 0),
            (r#""Node Type":"Merge Join""#, "Outer", 1, 0),
            (
                r#""Node Type":"Nested Loop","Join Type":"Semi""#,
                "Inner",
                1,
                0,
            ),
            (r#""Node Type":"Result""#, "SubPlan", 1, 0),
            (r#""Node Type":"Hash Join""#, "Outer", 1, 1),
        ] {
            let found = [
                below(above, role, 10, 5_000, condition),
                below(above, role, 5_000, 10, condition),
            ];
            assert_eq!(found, [more, fewer], "{above}");
        }
    }

    #[test]
    fn only_the_lowest_of_several_is_told() {
        let golden = GoldenCase::of(
            r#"{"Plan":{"Node Type":"Hash Join","Plan Rows":10,"Actual Rows":9000,"Actual Loops":1,"Plans":[
                {"Node Type":"Seq Scan","Relation Name":"job","Parent Relationship":"Outer","Plan Rows":10,"Actual Rows":9000,"Actual Loops":1},
                {"Node Type":"Hash","Parent Relationship":"Inner","Plans":[
                    {"Node Type":"Seq Scan","Relation Name":"step","Plan Rows":500,"Actual Rows":500,"Actual Loops":1}]}]}}"#,
        );
        let findings = check(&golden.operation("").case());
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].node.as_deref(), Some("Seq Scan job"));
        let never = below(r#""Node Type":"Sort""#, "Outer", 10, 0, "(a = 1)");
        assert_eq!(never, 0);
    }
}
