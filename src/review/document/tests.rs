//! Documents as people have them.

use super::*;
use crate::plan::digest;

const JSON: &str = "[\n  {\n    \"Plan\": {\n      \"Node Type\": \"Limit\",\n      \"Plans\": [\n        {\n          \"Node Type\": \"Index Scan\",\n          \"Parent Relationship\": \"Outer\",\n          \"Scan Direction\": \"Forward\",\n          \"Index Name\": \"i\",\n          \"Index Cond\": \"(a = 'x + y'::text)\"\n        }\n      ]\n    },\n    \"Execution Time\": 1.5\n  }\n]";

const TEXT: &str = "Limit  (cost=0.00..1.00 rows=1 width=4)\n  ->  Index Scan using i on t  (cost=0.00..1.00 rows=1 width=4)\n        Index Cond: (a = 'x + y'::text)\nExecution Time: 1.500 ms";

const YAML: &str = "- Plan: \n    Node Type: \"Limit\"\n    Plans: \n      - Node Type: \"Index Scan\"\n        Parent Relationship: \"Outer\"\n        Scan Direction: \"Forward\"\n        Index Name: \"i\"\n        Index Cond: \"(a = 'x + y'::text)\"\n  Execution Time: 1.5";

const XML: &str = "<explain xmlns=\"http://www.postgresql.org/2009/explain\">\n  <Query>\n    <Plan>\n      <Node-Type>Limit</Node-Type>\n      <Plans>\n        <Plan>\n          <Node-Type>Index Scan</Node-Type>\n          <Parent-Relationship>Outer</Parent-Relationship>\n          <Scan-Direction>Forward</Scan-Direction>\n          <Index-Name>i</Index-Name>\n          <Index-Cond>(a = 'x + y'::text)</Index-Cond>\n        </Plan>\n      </Plans>\n    </Plan>\n    <Execution-Time>1.5</Execution-Time>\n  </Query>\n</explain>";

/// The digests of the plans found, with the lines they begin in.
fn found(text: &str) -> Vec<(String, u64)> {
    let (plans, problems) = find_plans("p", text);
    assert!(problems.is_empty(), "{text}\n{problems:?}");
    let found = plans.iter().map(|found| {
        assert_eq!(found.plan.execution_ms, Some(1.5), "{text}");
        (digest(&found.plan), found.source.line)
    });
    found.collect()
}

fn problems(text: &str) -> (usize, Vec<String>) {
    let (plans, problems) = find_plans("p", text);
    let messages = problems.into_iter().map(|problem| problem.message);
    (plans.len(), messages.collect())
}

fn every_line(text: &str, wrap: impl Fn(&str) -> String) -> String {
    text.lines().map(|line| wrap(line) + "\n").collect()
}

fn one(line: u64) -> Vec<(String, u64)> {
    vec![("Limit ← Index Scan i".to_owned(), line)]
}

/// The plan in everything it may come in, with the line it then begins in.
fn wrapped(plan: &str) -> Vec<(String, u64)> {
    let rows = every_line(plan, |line| format!(" {line}"));
    let wide = |line: &str| format!("{line:<80}");
    let last = plan.lines().next_back().unwrap();
    let marked = |before: &str, mark: &str, after: &str| {
        every_line(plan, |line| {
            let mark = if line == last || plan == TEXT {
                " "
            } else {
                mark
            };
            format!("{before}{}{mark}{after}", wide(line))
        })
    };
    vec![
        (plan.to_owned(), 1),
        (format!("\u{feff}{plan}\n"), 1),
        (plan.replace('\n', "\r\n"), 1),
        (
            format!("\n\nwords before\n{plan}\nwords behind: these\n"),
            4,
        ),
        (
            format!("   QUERY PLAN   \n----------------\n{rows}(3 rows)\n\nTime: 1 ms\n"),
            3,
        ),
        (format!("QUERY PLAN\n{plan}\n(3 rows)\n"), 2),
        (
            format!(
                "   QUERY PLAN\n-----------\n{}(1 row)\n",
                marked(" ", "+", "")
            ),
            3,
        ),
        (
            format!(
                "   QUERY PLAN\n-----------\n{}(1 row)\n",
                marked("", "+", "")
            ),
            3,
        ),
        (
            format!(
                "+------+\n| QUERY PLAN |\n+------+\n{}+------+\n(1 row)\n",
                marked("| ", "+", "|")
            ),
            4,
        ),
        (
            format!(
                "┌──────┐\n│ QUERY PLAN │\n├──────┤\n{}└──────┘\n",
                marked("│ ", "↵", "│")
            ),
            4,
        ),
        (marked("", "+", ""), 1),
        (format!("QUERY PLAN\n{}", csv(plan)), 2),
        (
            format!(
                "\"QUERY PLAN\"\n{}",
                every_line(plan, |line| format!("\"{}\"", line.replace('"', "\"\"")))
            ),
            2,
        ),
        (
            format!("# A plan\n\n```sql\n{plan}\n```\n\n- done: yes\n"),
            4,
        ),
        (every_line(plan, |line| format!("> {line}")), 1),
        (
            every_line(&format!("Look:\n~~~\n{plan}\n~~~"), |line| {
                format!("> > {line}")
            }),
            3,
        ),
        (every_line(plan, |line| format!("    {line}")), 1),
    ]
}

#[test]
fn every_format_is_found_in_every_wrapping() {
    for plan in [JSON, TEXT, YAML, XML] {
        for (document, line) in wrapped(plan) {
            assert_eq!(found(&document), one(line), "{document}");
        }
    }
}

/// As psql writes csv: one value of several lines, or rows that are quoted where they have to be.
fn csv(plan: &str) -> String {
    if plan == TEXT {
        return every_line(plan, |line| {
            if line.contains(',') {
                format!("\"{line}\"")
            } else {
                line.to_owned()
            }
        });
    }
    format!("\"{}\"\n", plan.replace('"', "\"\""))
}

#[test]
fn expanded_output_is_read() {
    let mut text = String::from("-[ RECORD 1 ]-----\n");
    for (index, line) in JSON.lines().enumerate() {
        let name = if index == 0 {
            "QUERY PLAN"
        } else {
            "          "
        };
        text.push_str(&format!("{name} | {line:<60}+\n"));
    }
    assert_eq!(found(&text), one(2));
    let records: String = (1..)
        .zip(TEXT.lines())
        .map(|(number, line)| format!("-[ RECORD {number} ]-----\nQUERY PLAN | {line}\n"))
        .collect();
    assert_eq!(found(&records), one(2));
    let without_border: String = (1..)
        .zip(TEXT.lines())
        .map(|(number, line)| format!("* Record {number}\nQUERY PLAN {line}\n"))
        .collect();
    assert_eq!(found(&without_border), one(2));
}

#[test]
fn many_plans_one_after_another_are_told_apart() {
    let compact: String = JSON.lines().map(str::trim).collect();
    let plan = || "Limit ← Index Scan i".to_owned();
    let lines = |lines: &[u64]| lines.iter().map(|line| (plan(), *line)).collect::<Vec<_>>();
    assert_eq!(
        found(&format!("{compact}\n{compact}\n\n{compact}")),
        lines(&[1, 2, 4])
    );
    assert_eq!(
        found(&format!("{compact} {compact}, {compact}")),
        lines(&[1, 1, 1])
    );
    assert_eq!(
        found(&format!("{JSON}\n{TEXT}\n\n{YAML}\n{XML}\n{TEXT}\n{TEXT}")),
        lines(&[1, 18, 23, 32, 49, 53])
    );
    let object = JSON.trim_start_matches('[').trim_end_matches(']');
    assert_eq!(found(&format!("[{object},\n{object}]")), lines(&[1, 19]));
    assert_eq!(found(&format!("{object}\n{object}")), lines(&[2, 19]));
    assert_eq!(found(&format!("{YAML}\n{YAML}")), lines(&[1, 10]));
}

#[test]
fn statements_are_those_explained_before() {
    let document = format!(
        "explain analyze\nselect 1;\n   QUERY PLAN\n----\n{TEXT}\n(4 rows)\n\n\
         ```sql\nq=# EXPLAIN (FORMAT JSON) UPDATE t SET a = 1\nq-# WHERE b;\n```\nand\n```\n{JSON}\n```\n{TEXT}\n\n\
         Query Text: delete\n  from t\n{TEXT}\n"
    );
    let (plans, problems) = find_plans("p", &document);
    assert!(problems.is_empty());
    let statements: Vec<Option<&str>> = plans
        .iter()
        .map(|found| found.statement.as_deref())
        .collect();
    let expected = [
        Some("select 1"),
        Some("UPDATE t SET a = 1\nWHERE b"),
        None,
        Some("delete\n  from t"),
    ];
    assert_eq!(statements, expected);
}

#[test]
fn a_node_kept_alone_and_what_auto_explain_prints_are_read() {
    let node = "{\"Node Type\": \"Result\"}";
    assert_eq!(problems(node), (1, vec![]));
    let yaml = format!(
        "Query Text: \"select 1\"\n{}",
        YAML.replace("- Plan", "Plan").replace("\n  ", "\n")
    );
    let (plans, problems) = find_plans("p", &yaml);
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!(plans[0].statement.as_deref(), Some("select 1"));
}

#[test]
fn half_a_plan_is_read_as_far_as_it_goes_and_said() {
    let half = |text: &str, keep: &str| text[..text.find(keep).unwrap() + keep.len()].to_owned();
    for (document, plans) in [
        (half(JSON, "\"Index Name\": \"i\","), 1),
        (half(JSON, "\"Node Type\": \"Lim"), 0),
        (half(TEXT, "width=4)\n"), 1),
        (half(TEXT, "Index Cond: (a = 'x"), 1),
        (half(YAML, "Index Name: \"i\"\n        Index Cond: \"(a"), 1),
        (half(XML, "<Index-Name>i</Ind"), 1),
    ] {
        let (found, messages) = problems(&document);
        assert_eq!(
            (found, messages.len()),
            (plans, 1),
            "{document}\n{messages:?}"
        );
        assert!(messages[0].contains("the plan is cut"), "{messages:?}");
        // What comes behind it is not lost.
        let (found, messages) = problems(&format!("{document}\n{JSON}\n"));
        assert_eq!((found, messages.len()), (plans + 1, 1), "{document}");
    }
}

#[test]
fn json_that_is_wrong_is_named_and_the_rest_is_read() {
    let (plans, messages) = problems(&format!("{{\"Plan\": {{\"Node Type\": 3}}}}\n{JSON}"));
    assert_eq!(plans, 1);
    assert!(messages[0].contains("invalid type"), "{messages:?}");
    let (plans, messages) = problems("[{\"a\": {\"Node Type\": \"x\"}}]");
    assert_eq!(plans, 0);
    assert!(messages[0].contains("no plan in the JSON"), "{messages:?}");
}

#[test]
fn what_is_no_plan_is_left_alone() {
    for text in [
        "",
        "hello\n",
        "[link](to) and {code}\n{\"a\": 1}\n[1, 2]\n",
        "Sort\nof\n",
        "Limit\n\nthe batch\n",
        "Merge on Monday\n-> carefully\n",
        "\u{0}\u{1}\u{fffd}[{\"",
        "create table job (id int);\n-- explain\nselect 1;\n",
    ] {
        assert_eq!(problems(text), (0, vec![]), "{text}");
    }
}

#[test]
fn nothing_takes_long() {
    let long = |text: &str, count: usize| text.repeat(count);
    for document in [
        long("[\n", 200_000),
        long("{\"\n", 200_000),
        long("[{\"Plan\": {\"Node Type\": \"Limit\", \"a\": [\n", 20_000),
        long("[{\"Plan\":{\"Node Type\":\"Limit\"}}] ", 20_000),
        long("Query Text: x\n", 100_000),
        long("explain select 1\n", 100_000),
        long("<explain\n", 100_000),
        long("- Plan:\n  Node Type:\n", 20_000),
        long(
            "Limit  (cost=0.00..1.00 rows=1 width=4)\n  Filter: ('\n",
            20_000,
        ),
        long("Limit\n\n", 20_000),
        long("QUERY PLAN\n\"", 100_000),
        long("> ", 1_000_000),
    ] {
        let begin = std::time::Instant::now();
        let _found = find_plans("p", &document);
        let shown: String = document.chars().take(30).collect();
        assert!(
            begin.elapsed().as_secs() < 20,
            "{shown:?} took {:?}",
            begin.elapsed()
        );
    }
}
