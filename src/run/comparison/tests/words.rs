//! What another plan does otherwise, in words.

use super::*;

fn node(name: &str, conditions: &[&str]) -> OutlineNode {
    let relation = if name.contains("Scan") { "job" } else { "" };
    OutlineNode {
        relation: relation.to_owned(),
        conditions: conditions.iter().map(|one| (*one).to_owned()).collect(),
        ..scan(name, 50)
    }
}

/// A plan that becomes another with twice the pages.
fn becomes(before: &[OutlineNode], after: &[OutlineNode]) -> ComparedPlan {
    // Each node is the input of the one before it.
    let chain = |nodes: &[OutlineNode]| {
        let nodes = nodes.iter().cloned().enumerate();
        nodes
            .map(|(depth, node)| OutlineNode { depth, ..node })
            .collect()
    };
    let plan = |shape: &str, nodes: &[OutlineNode], pages| BaselinePlan {
        shape: shape.to_owned(),
        plan: chain(nodes),
        pages,
        ..fetch("a")
    };
    let first = run(vec![plan("aaaa", before, 150)]);
    let second = run(vec![plan("bbbb", after, 300)]);
    compared(&first, &second).plans.remove(0)
}

/// The words of the reason about the shape, where the second plan has twice the pages.
fn words(before: &[OutlineNode], after: &[OutlineNode]) -> String {
    let plan = becomes(before, after);
    let reasons = &plan.reasons;
    let shape = reasons.iter().find(|reason| reason.what == Cause::Shape);
    let message = shape.map_or("", |reason| reason.message.as_str());
    let because = message.strip_prefix("another plan, with more pages per row");
    because.expect("twice the pages").to_owned()
}

#[test]
fn an_index_that_is_not_scanned_any_more_is_named() {
    let before = [
        node("Limit", &[]),
        node(
            "Index Scan job_ready_idx",
            &["Index Cond: ((queue = 'mail'::text) AND (run_at <= now()))"],
        ),
    ];
    let after = [
        node("Limit", &[]),
        node("Sort", &["Sort Key: priority, id"]),
        node(
            "Seq Scan job",
            &["Filter: ((run_at <= now()) AND (queue = 'mail'::text) AND (state = 'ready'::text))"],
        ),
    ];
    assert_eq!(
        words(&before, &after),
        ": job_ready_idx is not scanned any more; job is read whole; rows are sorted now, by priority, id; \
         `state = 'ready'` is checked row by row now; Sort touches 50 of the 150 pages"
    );
    assert_eq!(
        words(&after, &before),
        ": job_ready_idx is scanned now; job is not read whole any more; rows are not sorted any more"
    );
    assert_eq!(
        becomes(&before, &after).why,
        "`job_ready_idx` is not scanned any more → job is read whole and sorted"
    );
    assert_eq!(becomes(&after, &before).why, "`job_ready_idx` is scanned");
}

#[test]
fn aliases_that_postgresql_counts_are_left_off() {
    let before = [node("Index Scan a", &["Index Cond: (job_1.queue = $1)"])];
    let after = [
        node("Sort", &["Sort Key: job_1.priority DESC, job_1.id"]),
        node(
            "Index Scan a",
            &[
                "Filter: ((job_1.queue = 'x'::text) AND (job_1.b = 1) AND (job_1.c = 2) AND (job_1.d = 3))",
            ],
        ),
    ];
    let found = words(&before, &after);
    let wanted = ": rows are sorted now, by priority DESC, id; `queue = 'x'` was looked up in an index and is a filter now; \
                  `b = 1` is checked row by row now; and 2 more conditions";
    assert!(found.starts_with(wanted), "{found}");
    assert_eq!(
        becomes(&before, &after).why,
        "rows are sorted now, by priority DESC, id"
    );
}

#[test]
fn the_condition_of_a_partial_index_becomes_a_filter() {
    let before = [node("Index Scan a", &["Index Cond: (queue = $1)"])];
    let after = [node(
        "Index Scan b",
        &["Index Cond: (queue = $1)", "Filter: (state = $2)"],
    )];
    assert_eq!(
        words(&before, &after),
        ": a is not scanned any more; b is scanned now; `state = $2` is checked row by row now"
    );
}

#[test]
fn an_or_is_told_by_the_bitmaps_it_combines() {
    let before = [node(
        "Index Scan a",
        &["Index Cond: (queue = 'mail'::text)"],
    )];
    let after = [
        node(
            "Bitmap Heap Scan job",
            &["Filter: ((state = 'ready'::text) OR (state = 'failed'::text))"],
        ),
        node("BitmapOr", &[]),
        node("Bitmap Index Scan a", &[]),
        node("Bitmap Index Scan a", &[]),
    ];
    let found = words(&before, &after);
    for wanted in [
        "a is read into a bitmap, not in its order",
        "`(state = 'ready') OR (state = 'failed')` is checked row by row now",
        "several index lookups are combined (BitmapOr), as for an `or`",
    ] {
        assert!(found.contains(wanted), "{wanted}: {found}");
    }
    let back = words(&after, &before);
    assert!(
        back.contains("a is read in its order, not into a bitmap"),
        "{back}"
    );
}

#[test]
fn joins_and_locks_that_changed_are_named() {
    let before = [node("Nested Loop", &[]), node("LockRows", &[])];
    let after = [
        node("Parallel Hash Join", &[]),
        node("Merge Semi Join", &[]),
    ];
    let found = words(&before, &after);
    let wanted = ": Hash Join and Merge Join instead of Nested Loop; rows are not locked any more";
    assert!(found.starts_with(wanted), "{found}");
    assert!(words(&after[..1], &before[1..]).contains("rows are locked now"));
    let hash = [node("Hash Join", &[]), node("Hash", &[])];
    let both = [node("Hash Join", &[]), node("Nested Loop Left Join", &[])];
    assert!(words(&hash, &both).starts_with(": there is a Nested Loop now"));
}

#[test]
fn what_is_long_is_cut() {
    let long = format!("Filter: (note = '{}')", "x".repeat(300));
    let found = words(&[node("Seq Scan a", &[])], &[node("Seq Scan a", &[&long])]);
    assert!(
        found.contains("xxx…` is checked row by row now") && found.len() < 300,
        "{found}"
    );
}
