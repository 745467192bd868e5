//! Whether a plan in text format is all there: its nodes have as many inputs as nodes of their kind have.

use crate::plan::{Estimate, Plan, PlanNode, Relationship, node_label};

/// What is wrong with the plan as a whole, if anything is.
pub(super) fn what_is_missing(plan: &Plan) -> Option<String> {
    plan.preorder().find_map(|position| {
        let node = position.node;
        if is_half_a_line(node, &plan.root) {
            let label = node_label(node);
            return Some(format!(
                "the plan is cut in the line of \"{label}\"; what is there is reviewed, paste the whole output for the rest"
            ));
        }
        let (least, most) = inputs_of_kind(node)?;
        let found = inputs(node);
        let label = node_label(node);
        if found < least {
            let nodes = if least == 1 { "node" } else { "nodes" };
            return Some(format!(
                "the plan is cut: \"{label}\" has {found} of the {least} {nodes} below it; what is there is reviewed, \
                 paste the whole output for the rest"
            ));
        }
        (found > most).then(|| {
            format!(
                "the plan lost its indentation: \"{label}\" has {found} nodes below it and takes {most}; \
                 paste the output of explain unchanged"
            )
        })
    })
}

/// Whether a node has no figures where the topmost one has; only a Result may cost nothing.
fn is_half_a_line(node: &PlanNode, root: &PlanNode) -> bool {
    let costs_nothing = |node: &PlanNode| node.estimate == Estimate::default();
    costs_nothing(node)
        && node.actual.is_none()
        && node.node_type != "Result"
        && !costs_nothing(root)
}

fn inputs(node: &PlanNode) -> usize {
    let is_input = |child: &&PlanNode| {
        !matches!(
            child.parent_relationship,
            Some(Relationship::InitPlan | Relationship::SubPlan)
        )
    };
    node.children.iter().filter(is_input).count()
}

/// How many inputs such a node has, at least and at most; none where that is not known, or anything goes.
fn inputs_of_kind(node: &PlanNode) -> Option<(usize, usize)> {
    Some(match node.node_type.as_str() {
        "Nested Loop" | "Hash Join" | "Merge Join" | "Recursive Union" => (2, 2),
        "BitmapAnd" | "BitmapOr" => (2, usize::MAX),
        // Up to 13 one for each partition that is written to.
        "ModifyTable" => (1, usize::MAX),
        "SetOp" => (1, 2),
        "Aggregate" | "Bitmap Heap Scan" | "Gather" | "Gather Merge" | "Group" | "Hash"
        | "Incremental Sort" | "Limit" | "LockRows" | "Materialize" | "Memoize" | "ProjectSet"
        | "Sort" | "Subquery Scan" | "Unique" | "WindowAgg" => (1, 1),
        "Bitmap Index Scan" | "CTE Scan" | "Function Scan" | "Index Only Scan" | "Index Scan"
        | "Sample Scan" | "Seq Scan" | "Tid Range Scan" | "Tid Scan" | "Values Scan"
        | "WorkTable Scan" => (0, 0),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::text::parse;

    fn missing(text: &str) -> Option<String> {
        what_is_missing(&parse(text).unwrap())
    }

    #[test]
    fn cut_and_flattened_plans_are_told_from_whole_ones() {
        let costs = "  (cost=0.00..1.00 rows=1 width=4)\n";
        let whole =
            format!("Limit{costs}  InitPlan 1\n    ->  Result{costs}  ->  Seq Scan on a{costs}");
        assert_eq!(missing(&whole), None);
        let cut = format!("Nested Loop{costs}  ->  Seq Scan on a{costs}");
        assert!(
            missing(&cut)
                .unwrap()
                .contains("\"Nested Loop\" has 1 of the 2 nodes")
        );
        let half = format!("Limit{costs}  ->  Partial Agg");
        assert!(
            missing(&half)
                .unwrap()
                .contains("in the line of \"Partial Agg\"")
        );
        let flat = format!("Limit{costs}->  Sort{costs}->  Seq Scan on a{costs}");
        assert!(missing(&flat).unwrap().contains("lost its indentation"));
    }
}
