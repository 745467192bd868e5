//! Snapshots of every golden plan: digest, shape, rows, and each node's own work.

use std::fmt::Write;

use pgq_analyze::plan::{Plan, PlanShape, TriggerPlace, Work, digest, node_label, work};

use crate::{VERSIONS, folder, golden_plan, golden_plans};

fn line(label: &str, work: &Work) -> String {
    let buffers = &work.buffers;
    let mut line = format!("{label}: {:.3} ms", work.time_ms);
    if (work.cpu_ms - work.time_ms).abs() > 0.0005 {
        let _ = write!(line, " (cpu {:.3} ms)", work.cpu_ms);
    }
    let _ = write!(line, ", {} pages", buffers.total());
    if buffers.temp() > 0 {
        let _ = write!(line, ", {} temporary pages", buffers.temp());
    }
    if work.wal.records > 0 {
        let _ = write!(line, ", {} WAL records", work.wal.records);
    }
    if work.clamped {
        line.push_str(", clamped");
    }
    line
}

fn describe(plan: &Plan) -> String {
    let worked = work(plan);
    let shape = PlanShape::of(plan);
    let mut text = format!(
        "{}\nrows {}\nshape {}\n{}\n",
        digest(plan),
        plan.rows(),
        shape.id(),
        shape.text()
    );
    for position in plan.preorder() {
        let indent = "  ".repeat(position.depth);
        let _ = writeln!(
            text,
            "{indent}{}",
            line(&node_label(position.node), &worked.nodes[position.index])
        );
    }
    let _ = writeln!(text, "{}", line("statement", &worked.total));
    if worked.after_root != Work::default() {
        let _ = writeln!(text, "{}", line("after the root", &worked.after_root));
    }
    for (trigger, placed) in plan.triggers.iter().zip(&worked.triggers) {
        let name = trigger
            .name
            .as_deref()
            .or(trigger.constraint_name.as_deref())
            .unwrap_or("?");
        let _ = writeln!(
            text,
            "trigger {name}: {:.3} ms, {:?}",
            placed.time_ms, placed.place
        );
    }
    text
}

#[test]
fn every_golden_plan_is_understood() {
    for version in VERSIONS {
        let plans = golden_plans(version);
        assert!(
            plans.len() >= 29,
            "only {} plans of version {version}",
            plans.len()
        );
        for (name, text) in plans {
            let read =
                Plan::parse(&text).unwrap_or_else(|error| panic!("pg{version}/{name}: {error}"));
            let described: Vec<String> = read.iter().map(describe).collect();
            insta::with_settings!({ snapshot_path => folder(version), prepend_module_to_snapshot => false, omit_expression => true }, {
                insta::assert_snapshot!(name.as_str(), described.join("\n"));
            });
        }
    }
}

#[test]
fn the_nodes_of_every_golden_plan_add_up_to_its_statement() {
    for version in VERSIONS {
        for (name, text) in golden_plans(version) {
            for plan in Plan::parse(&text).unwrap() {
                let worked = work(&plan);
                let sum = worked
                    .nodes
                    .iter()
                    .fold(Work::default(), |sum, node| sum.plus(node));
                assert!(
                    (sum.time_ms - worked.total.time_ms).abs() < 1e-9,
                    "pg{version}/{name}: {sum:?} {:?}",
                    worked.total
                );
                assert_eq!(
                    (sum.buffers, sum.wal),
                    (worked.total.buffers, worked.total.wal),
                    "pg{version}/{name}"
                );
            }
        }
    }
}

#[test]
fn a_shape_is_the_same_with_and_without_analyze() {
    for version in VERSIONS {
        let [analyzed, plain] = ["fetch-array", "fetch-array-plain"]
            .map(|case| PlanShape::of(&golden_plan(version, case)));
        assert_eq!(analyzed, plain, "pg{version}");
    }
}

#[test]
fn triggers_are_told_apart_by_where_their_time_fits() {
    for version in VERSIONS {
        let plan = golden_plan(version, "triggers");
        let worked = work(&plan);
        let place = |name: &str| {
            let found = plan
                .triggers
                .iter()
                .position(|trigger| trigger.name.as_deref() == Some(name));
            found.map(|index| worked.triggers[index].place)
        };
        assert_eq!(
            place("watched_before"),
            Some(TriggerPlace::Inside),
            "pg{version}"
        );
        assert_eq!(
            place("watched_after"),
            Some(TriggerPlace::After),
            "pg{version}"
        );
    }
}
