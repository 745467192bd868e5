//! Tests that no name and no literal gets through.

use super::*;
use crate::review::Material;
use crate::run::review::{Flip, LoggedShape};

fn anonymous(text: &str) -> String {
    Pseudonyms::default().text(text)
}

#[test]
fn names_and_literals_are_replaced_and_the_rest_stays() {
    for (text, expected) in [
        (
            "select id from job where state = 'ready' and n < 5 order by id limit 10 for update skip locked",
            "select column_1 from table_1 where column_2 = 'literal_1' and column_3 < 1001 order by column_1 limit 10 for update skip locked",
        ),
        (
            "with next as materialized (select 1) update \"Job\" j set n=j.n+1 -- why\nfrom next where j.id = next.id returning *",
            "with cte_1 as materialized (select 1001) update table_1 alias_1 set column_1=alias_1.column_1+1001 from cte_1 \
             where alias_1.column_2 = cte_1.column_2 returning *",
        ),
        (
            "((state = 'ready'::text) AND (run_at <= now()) AND (id = ANY ('{7,8,7}'::bigint[])))",
            "((column_1 = 'literal_1'::text) AND (column_2 <= now()) AND (column_3 = ANY ('{1001,1002,1001}'::bigint[])))",
        ),
        ("(id = ANY ($0))", "(column_1 = ANY ($0))"),
        ("(InitPlan 1).col1", "(InitPlan 1).column_1"),
        ("InitPlan 2 (returns $1,$2)", "InitPlan 2 (returns $1,$2)"),
        ("(hashed SubPlan 12)", "(hashed SubPlan 12)"),
        (
            "next_due(x) + length(y)",
            "function_1(column_1) + length(column_2)",
        ),
        (
            "'a'::job_state = kind::numeric(10,2)",
            "'literal_1'::type_1 = column_1::numeric(10,2)",
        ),
        (
            "job.priority DESC NULLS LAST",
            "alias_1.column_1 DESC NULLS LAST",
        ),
        (
            "interval '30 s' + e'it\\'s' || $x$a$x$",
            "interval 'literal_1' + 'literal_2' || 'literal_3'",
        ),
        (
            "select :id, '/* ' -- :secret",
            "select :parameter_1, 'literal_1'",
        ),
        ("select 'it''s open", "select 'literal_1'"),
        (
            "for no key update of job nowait",
            "for no key update of alias_1 nowait",
        ),
    ] {
        assert_eq!(anonymous(text), expected, "{text}");
    }
}

#[test]
fn equal_names_stay_equal_and_numbered_ones_stay_numbered() {
    let mut names = Pseudonyms::default();
    names.name(Kind::Table, "job");
    assert_eq!(
        names.text("JOB.id = job_1.id"),
        "table_1.column_1 = table_1_1.column_1"
    );
    assert_eq!(names.text("\"JOB\".id"), "alias_1.column_1", "another name");
    assert_eq!(names.text("'job' = 'job'"), "'literal_1' = 'literal_1'");
}

#[test]
fn the_shapes_of_logged_statements_are_those_of_their_plans() {
    let mut material = Material::default();
    for name in ["fetch-array", "natural-mistake"] {
        let path = format!(
            "{}/tests/plans/pg15/{name}.json",
            env!("CARGO_MANIFEST_DIR")
        );
        let text = std::fs::read_to_string(path).unwrap();
        material.plans.push(FoundPlan {
            source: Source {
                path: "zqx.log".to_owned(),
                line: 1,
            },
            statement: None,
            plan: Plan::parse(&text).unwrap().remove(0),
        });
    }
    let shape = |plan: usize| LoggedShape {
        shape: format!("zqx{plan}"),
        digest: "Seq Scan zqx".to_owned(),
        calls: 1,
        total_ms: 1.0,
        max_ms: 1.0,
        total_pages: None,
        max_pages: None,
        first: Source {
            path: "zqx.log".to_owned(),
            line: 1,
        },
        last: Source {
            path: "zqx.log".to_owned(),
            line: 2,
        },
        plan,
    };
    let flip = |from: &str, to: &str| Flip {
        source: Source {
            path: "zqx.log".to_owned(),
            line: 2,
        },
        time: None,
        from: from.to_owned(),
        to: to.to_owned(),
    };
    material.statements.push(LoggedStatement {
        query_id: Some(1),
        statement: "select zqx_id from zqx_job where state = ?".to_owned(),
        first: Source {
            path: "zqx.log".to_owned(),
            line: 1,
        },
        calls: 2,
        total_ms: 2.0,
        total_pages: None,
        shapes: vec![shape(0), shape(1)],
        flips: vec![flip("zqx0", "zqx1"), flip("zqx1", "zqx_gone")],
        flips_total: 2,
    });
    let found = crate::review::review(material, true);
    assert!(
        !format!("{found:?}").contains("zqx"),
        "{:?}",
        found.statements
    );
    let statement = &found.statements[0];
    assert_eq!(statement.shapes[0].digest, found.plans[0].digest);
    assert_eq!(statement.flips[0].from, found.plans[0].shape);
    assert_eq!(statement.flips[0].to, found.plans[1].shape);
}
