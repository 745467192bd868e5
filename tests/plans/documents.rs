//! Plans in documents: as psql printed them, cut anywhere, mixed with each other, very large.

use std::path::Path;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use pgq_analyze::plan::{digest, text};
use pgq_analyze::review::FoundPlan;
use pgq_analyze::review::document::find_plans;
use pgq_analyze::run::review::Problem;

use crate::arbitrary::exercise_plan;
use crate::{VERSIONS, folder};

/// Names and texts of the files in a folder.
fn files(folder: &Path) -> Vec<(String, String)> {
    let mut files: Vec<(String, String)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(path).unwrap())
        })
        .collect();
    files.sort();
    files
}

/// What psql printed, with borders, in csv and so on.
fn printed() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plans/documents");
    let mut files = files(&folder);
    files.retain(|(name, _)| name != "make.sql");
    files
}

/// The golden plans in JSON and in text format, and what psql printed.
fn all_documents() -> Vec<String> {
    let golden = VERSIONS
        .into_iter()
        .flat_map(|version| files(&folder(version)));
    let golden = golden.filter(|(name, _)| name.ends_with(".json") || name.ends_with(".txt"));
    golden.chain(printed()).map(|(_, text)| text).collect()
}

/// Finds the plans of a text by every reader there is, and does everything that can be done with them.
fn exercise(text: &str) -> (Vec<FoundPlan>, Vec<Problem>) {
    if let Ok(plan) = text::parse(text) {
        exercise_plan(&plan, text);
    }
    let (plans, problems) = find_plans("document", text);
    let lines = text.lines().count() as u64;
    for found in &plans {
        exercise_plan(&found.plan, text);
        assert!((1..=lines).contains(&found.source.line), "{text}");
    }
    assert!(
        problems
            .iter()
            .all(|problem| (1..=lines).contains(&problem.source.line))
    );
    (plans, problems)
}

#[test]
fn every_frame_of_psql_holds_the_same_plan() {
    let documents = printed();
    assert!(documents.len() >= 25, "{}", documents.len());
    for (name, document) in documents {
        let (plans, problems) = exercise(&document);
        assert_eq!(problems, [], "{name}");
        assert_eq!(plans.len(), 1, "{name}");
        let plan = &plans[0].plan;
        assert_eq!(digest(plan), "Limit ← Sort ← Index Scan job_pkey", "{name}");
        let scan = plan.preorder().nth(2).unwrap().node;
        let conditions: Vec<&str> = scan
            .conditions
            .iter()
            .map(|(_, text)| text.as_str())
            .collect();
        assert_eq!(
            conditions,
            ["(id <= 30)", "(payload <> 'a | b + \"c\"'::text)"],
            "{name}"
        );
        assert_eq!(scan.buffers.unwrap().total(), 3, "{name}");
        assert_eq!(plan.rows(), 3, "{name}");
        assert!(plan.execution_ms.is_some(), "{name}");
    }
}

#[test]
fn golden_plans_one_after_another_are_all_found() {
    for version in VERSIONS {
        for ending in [".json", ".txt"] {
            let mut plans = files(&folder(version));
            plans.retain(|(name, _)| name.ends_with(ending));
            let document: String = plans.iter().map(|(_, text)| format!("{text}\n")).collect();
            let (found, problems) = exercise(&document);
            assert_eq!(problems, [], "pg{version} {ending}");
            assert_eq!(found.len(), plans.len(), "pg{version} {ending}");
        }
    }
}

/// Half a plan is some of its nodes and a problem; never silence once a node is whole.
#[test]
fn a_plan_cut_anywhere_is_read_as_far_as_it_goes() {
    for (case, step) in [("triggers", 1), ("fetch-array", 13), ("gather", 31)] {
        for ending in ["json", "txt"] {
            let text =
                std::fs::read_to_string(folder(18).join(format!("{case}.{ending}"))).unwrap();
            let whole = exercise(&text).0.remove(0).plan.preorder().count();
            for (cut, _) in text.char_indices().step_by(step) {
                let (plans, problems) = exercise(&text[..cut]);
                let nodes: usize = plans
                    .iter()
                    .map(|found| found.plan.preorder().count())
                    .sum();
                assert!(nodes <= whole, "{case}.{ending} at {cut}");
                let is_read =
                    text[..cut].contains("Node Type\": \"") || text[..cut].contains("width=");
                assert!(
                    !is_read || !plans.is_empty() || !problems.is_empty() || ending == "txt",
                    "{case}.{ending} at {cut}"
                );
                let is_whole = nodes == whole;
                assert!(
                    is_whole || plans.is_empty() || !problems.is_empty(),
                    "{case}.{ending} at {cut}: {nodes} of {whole} without a word"
                );
            }
        }
    }
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        exercise(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn lines_of_anything_never_panic(parts in prop::collection::vec(prop::sample::select(PARTS.as_slice()), 0..40)) {
        exercise(&parts.concat());
    }

    #[test]
    fn truncated_and_mutated_documents_never_panic(
        which in any::<prop::sample::Index>(),
        cut in any::<prop::sample::Index>(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
    ) {
        let documents = all_documents();
        let mut bytes = which.get(&documents).clone().into_bytes();
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(cut.index(bytes.len() + 1));
        exercise(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn interleaved_documents_never_panic(
        pair in any::<[prop::sample::Index; 2]>(),
        turns in prop::collection::vec(any::<bool>(), 1..60),
    ) {
        let documents = all_documents();
        let [one, other] = pair.map(|index| index.get(&documents).lines());
        let (mut one, mut other) = (one, other);
        let mut mixed = String::new();
        for turn in turns.iter().cycle().take(500) {
            let line = if *turn { one.next() } else { other.next() };
            mixed.push_str(line.unwrap_or_default());
            mixed.push('\n');
        }
        exercise(&mixed);
    }
}

/// Pieces that mean something to one of the readers.
const PARTS: [&str; 40] = [
    "\n",
    "\n\n",
    " ",
    "\t",
    "      ",
    "> ",
    "```\n",
    "[",
    "{",
    "}",
    "]",
    "\"Plan\": ",
    "\"Node Type\": \"Limit\"",
    "\"Plans\": ",
    ",",
    "->  ",
    "Limit",
    "Seq Scan on t",
    "  (cost=0.00..1.00 rows=1 width=4)",
    " (actual time=0.1..0.2 rows=1 loops=1)",
    " (never executed)",
    "Filter: (a = 'x",
    "'",
    "\"",
    "QUERY PLAN\n",
    "QUERY PLAN | ",
    "-----\n",
    "+-----+\n",
    "| ",
    " +\n",
    "(1 row)\n",
    "-[ RECORD 1 ]-\n",
    "- Plan: \n",
    "    Node Type: \"Limit\"\n",
    "<explain>",
    "<Query><Plan><Node-Type>Limit</Node-Type>",
    "</explain>\n",
    "Query Text: x\n",
    "Worker 0:  actual time=0.1..0.2 rows=1 loops=1\n",
    "explain select 1;\n",
];

/// Long and deep plans, whatever they come in: no stack overflows, and nothing takes long.
#[test]
fn large_plans_are_read_in_every_format() {
    let member = "{\"Node Type\": \"Seq Scan\", \"Parent Relationship\": \"Member\", \"Relation Name\": \"p\"}";
    let members = vec![member; 50_000].join(",\n");
    let wide_json =
        format!("[{{\"Plan\": {{\"Node Type\": \"Append\", \"Plans\": [\n{members}]}}}}]");
    let line = "  ->  Seq Scan on p  (cost=0.00..1.00 rows=1 width=4)\n        Filter: (a = 1)\n";
    let wide_text = format!(
        "Append  (cost=0.00..1.00 rows=1 width=4)\n{}",
        line.repeat(50_000)
    );
    let deep_json = format!(
        "{}{{\"Node Type\": \"Result\"}}{}",
        "{\"Node Type\": \"Limit\", \"Plans\": [\n".repeat(499),
        "]}".repeat(499)
    );
    let deep_text: String = (0..500)
        .map(|depth| {
            let arrow = if depth == 0 { "" } else { "->  " };
            let name = if depth == 499 { "Result" } else { "Limit" };
            format!(
                "{}{arrow}{name}  (cost=0.00..1.00 rows=1 width=4)\n",
                " ".repeat(6 * depth)
            )
        })
        .collect();
    let framed: String = wide_text
        .lines()
        .map(|line| format!("| {line:<80}|\n"))
        .collect();
    for (document, nodes) in [
        (wide_json.clone(), 50_001),
        (
            format!("> words\n{}", wide_json.replace('\n', "\n> ")),
            50_001,
        ),
        (wide_text, 50_001),
        (format!("| QUERY PLAN |\n{framed}"), 50_001),
        (deep_json.clone(), 500),
        (format!("words\n{deep_json}"), 500),
        (deep_text, 500),
    ] {
        let begin = Instant::now();
        let (plans, problems) = exercise(&document);
        assert_eq!(problems, []);
        assert_eq!(plans[0].plan.preorder().count(), nodes);
        assert!(
            begin.elapsed() < Duration::from_secs(60),
            "{nodes} nodes took {:?}",
            begin.elapsed()
        );
    }
}
