//! Text and JSON of the same statement say the same.

use pgq_analyze::plan::{Plan, PlanNode, PlanShape, digest, node_label, text, work};

use crate::{VERSIONS, folder, golden_plans};

/// The plans of one version that were printed in text format too.
fn pairs(version: u32) -> Vec<(String, Plan, Plan)> {
    let plans = golden_plans(version).into_iter();
    plans
        .map(|(name, json)| {
            let path = folder(version).join(format!("{name}.txt"));
            let printed = std::fs::read_to_string(&path)
                .unwrap_or_else(|error| panic!("{}: {error}; run make.sh", path.display()));
            let read = text::parse(&printed)
                .unwrap_or_else(|error| panic!("pg{version}/{name}.txt: {error}"));
            (name, Plan::parse(&json).unwrap().remove(0), read)
        })
        .collect()
}

/// A Function Scan of several functions, or of an expression, has an alias but no function name; the text does not tell the two apart.
fn without_lone_names(mut plan: Plan, like: &Plan) -> Plan {
    fn clear(node: &mut PlanNode, like: &PlanNode) {
        if node.node_type == "Function Scan" && like.function_name.is_none() {
            node.function_name = None;
        }
        for (child, like) in node.children.iter_mut().zip(&like.children) {
            clear(child, like);
        }
    }
    clear(&mut plan.root, &like.root);
    plan
}

#[test]
fn text_and_json_agree_in_shape_digest_and_nodes() {
    for version in VERSIONS {
        for (name, json, text) in pairs(version) {
            let text = without_lone_names(text, &json);
            assert_eq!(
                PlanShape::of(&text).text(),
                PlanShape::of(&json).text(),
                "pg{version}/{name}"
            );
            assert_eq!(digest(&text), digest(&json), "pg{version}/{name}");
            let labels = |plan: &Plan| -> Vec<String> {
                plan.preorder()
                    .map(|position| {
                        let node = position.node;
                        let alias = node.alias.as_deref().unwrap_or_default();
                        format!(
                            "{} {} {alias} {:?}",
                            position.depth,
                            node_label(node),
                            node.parent_relationship
                        )
                    })
                    .collect()
            };
            assert_eq!(labels(&text), labels(&json), "pg{version}/{name}");
        }
    }
}

/// The two are two executions, in two databases made alike: what repeats is equal, and what is said at all is said in both.
#[test]
fn text_and_json_agree_in_what_the_nodes_say() {
    for version in VERSIONS {
        for (name, json, text) in pairs(version) {
            for (position, other) in text.preorder().zip(json.preorder()) {
                let (node, like) = (position.node, other.node);
                let place = format!("pg{version}/{name} {}", node_label(like));
                assert_eq!(what_repeats(node), what_repeats(like), "{place}");
                assert_eq!(what_is_there(node), what_is_there(like), "{place}");
            }
            assert_eq!(text.settings, json.settings, "pg{version}/{name}");
            assert_eq!(text.triggers.len(), json.triggers.len());
            for (one, other) in text.triggers.iter().zip(&json.triggers) {
                let relation = |trigger: &pgq_analyze::plan::Trigger| {
                    (
                        trigger.relation.clone(),
                        trigger.calls,
                        trigger.constraint_name.clone(),
                    )
                };
                assert_eq!(relation(one), relation(other), "pg{version}/{name}");
            }
            let functions = |plan: &Plan| plan.jit.as_ref().map(|jit| jit.functions);
            assert_eq!(functions(&text), functions(&json), "pg{version}/{name}");
            let seen = |plan: &Plan| {
                let serialization = plan.serialization.as_ref();
                (
                    plan.execution_ms.is_some(),
                    plan.planning.time_ms.is_some(),
                    plan.planning.memory_used_kb.is_some(),
                    plan.query_identifier,
                    serialization.map(|kept| (kept.output_volume_kb, kept.format.clone())),
                )
            };
            assert_eq!(seen(&text), seen(&json), "pg{version}/{name}");
        }
    }
}

/// Rows, conditions and keys; subplans that the statement numbers are numbered in both alike.
fn what_repeats(node: &PlanNode) -> String {
    let rows = node.actual.map(|actual| (actual.rows, actual.loops));
    // Workers share their work as they happen to run.
    let rows = rows.filter(|_| node.workers.is_empty() && !node.parallel_aware);
    let sort = node
        .sort
        .as_ref()
        .map(|sort| (&sort.keys, &sort.presorted_keys, &sort.method));
    format!(
        "{rows:?} {:?} {sort:?} {:?} {:?} {:?} {:?} {:?}",
        node.conditions,
        node.schema,
        node.subplan_name,
        node.workers_planned,
        node.conflict_resolution,
        node.output,
    )
}

/// Which figures there are.
fn what_is_there(node: &PlanNode) -> Vec<bool> {
    vec![
        node.buffers.is_some(),
        node.wal.is_some(),
        node.actual.is_some_and(|actual| actual.total_ms.is_some()),
        node.rows_removed_by_filter.is_some(),
        node.rows_removed_by_join_filter.is_some(),
        node.rows_removed_by_index_recheck.is_some(),
        node.heap_fetches.is_some(),
        node.exact_heap_blocks.is_some(),
        node.index_searches.is_some(),
        node.workers_launched.is_some(),
        node.tuples_inserted.is_some(),
        node.conflicting_tuples.is_some(),
    ]
}

/// The two were executed in two databases made alike, at different times: most statements touch the same pages in both, and none many
/// more.
#[test]
fn text_and_json_agree_in_pages() {
    let (mut equal, mut compared) = (0, 0);
    for version in VERSIONS {
        for (name, json, text) in pairs(version) {
            let [pages, expected] = [&text, &json].map(|plan| work(plan).total.buffers.total());
            let margin = expected / 2 + 3;
            assert!(
                pages.abs_diff(expected) <= margin,
                "pg{version}/{name}: {pages} pages in text, {expected} in JSON"
            );
            equal += usize::from(pages == expected);
            compared += 1;
        }
    }
    assert!(
        compared >= 200 && equal * 4 >= compared * 3,
        "{equal} of {compared} equal"
    );
}
