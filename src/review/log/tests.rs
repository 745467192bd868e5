//! Logs of real servers and made ones: what is counted, how it is grouped, and that nothing depends on where a block ends.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use proptest::prelude::*;

use super::entry::{Form, entry, next_header};
use super::known::{Known, Understood};
use super::sketch::Scratch;
use super::{LogReview, Logs, read_log};
use crate::plan::PlanShape;
use crate::run::review::LoggedStatement;

const VERSIONS: &[u32] = &[14, 15, 16, 17, 18];

/// Entries in each golden log, as `grep` counts them in the log that has one more in a text.
const ENTRIES: u64 = 26;

fn golden(version: u32, name: &str) -> Option<String> {
    let path: PathBuf = [
        env!("CARGO_MANIFEST_DIR"),
        "tests/logs",
        &format!("pg{version}"),
        name,
    ]
    .iter()
    .collect();
    let is_missing = version < 15 && name.ends_with(".json");
    (!is_missing).then(|| {
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    })
}

/// All golden logs with their names.
fn all_golden() -> Vec<(String, String)> {
    let names = [
        "text.log",
        "text.csv",
        "text.json",
        "json.log",
        "json.csv",
        "json.json",
    ];
    let logs = VERSIONS
        .iter()
        .flat_map(|version| names.iter().map(move |name| (*version, *name)));
    logs.filter_map(|(version, name)| Some((format!("pg{version}/{name}"), golden(version, name)?)))
        .collect()
}

fn review(log: &str) -> LogReview {
    read_log("server.log", log.as_bytes())
}

fn in_blocks(bytes: usize, log: &[u8]) -> LogReview {
    let mut logs = Logs::in_blocks(bytes);
    logs.read("server.log", log);
    logs.finish()
}

fn calls(review: &LogReview) -> u64 {
    review
        .statements
        .iter()
        .map(|statement| statement.calls)
        .sum()
}

/// The statement whose text begins so.
#[track_caller]
fn statement<'a>(review: &'a LogReview, start: &str) -> &'a LoggedStatement {
    let mut found = review
        .statements
        .iter()
        .filter(|one| one.statement.starts_with(start));
    let one = found
        .next()
        .unwrap_or_else(|| panic!("no statement begins with {start}"));
    assert!(found.next().is_none(), "several begin with {start}");
    one
}

#[test]
fn golden_logs_have_all_entries_in_every_form() {
    for (name, log) in all_golden() {
        let review = review(&log);
        assert_eq!(review.problems, [], "{name}");
        assert_eq!(calls(&review), ENTRIES, "{name}");
        for statement in &review.statements {
            assert_eq!(
                statement.calls,
                statement
                    .shapes
                    .iter()
                    .map(|shape| shape.calls)
                    .sum::<u64>(),
                "{name}"
            );
            for shape in &statement.shapes {
                let plan = &review.plans[shape.plan];
                assert_eq!(PlanShape::of(&plan.plan).id(), shape.shape, "{name}");
                assert!(
                    shape.first <= plan.source && plan.source <= shape.last,
                    "{name}"
                );
                let line = log
                    .lines()
                    .nth(plan.source.line as usize - 1)
                    .unwrap_or_default();
                assert!(
                    line.contains(&format!(
                        "duration: {:.3} ms  plan:",
                        plan.plan.execution_ms.unwrap()
                    )),
                    "{name}: {line}"
                );
            }
        }
    }
}

/// Calls, microseconds, pages, flips, and calls by shape.
type Counts = (u64, u64, Option<u64>, u64, BTreeMap<String, u64>);

/// By text: a list of another length has another identifier, where the log has identifiers.
fn counts_by_text(review: &LogReview) -> BTreeMap<&str, Counts> {
    let mut all: BTreeMap<&str, Counts> = BTreeMap::new();
    for one in &review.statements {
        let (calls, time, pages, flips, shapes) = all.entry(&one.statement).or_default();
        *calls += one.calls;
        *time += (one.total_ms * 1_000.0).round() as u64;
        *pages = one
            .total_pages
            .map(|more| pages.unwrap_or(0) + more)
            .or(*pages);
        *flips += one.flips_total;
        for shape in &one.shapes {
            *shapes.entry(shape.shape.clone()).or_default() += shape.calls;
        }
    }
    all
}

#[test]
fn golden_logs_say_the_same_in_every_form() {
    for version in VERSIONS {
        for format in ["text", "json"] {
            let of = |ending: &str| {
                golden(*version, &format!("{format}.{ending}")).map(|log| review(&log))
            };
            let stderr = of("log").unwrap();
            for other in [of("csv"), of("json")].iter().flatten() {
                assert_eq!(
                    counts_by_text(&stderr),
                    counts_by_text(other),
                    "{version} {format}"
                );
            }
        }
    }
}

#[test]
fn golden_logs_in_text_and_json_have_the_same_shapes() {
    for version in VERSIONS {
        let of = |name: &str| review(&golden(*version, name).unwrap());
        let (text, json) = (of("text.log"), of("json.log"));
        let shapes = |review| -> Vec<_> {
            let counts = counts_by_text(review).into_iter();
            counts
                .map(|(text, (calls, _, pages, _, shapes))| {
                    (text.to_owned(), calls, pages.unwrap_or(0), shapes)
                })
                .collect()
        };
        assert_eq!(shapes(&text), shapes(&json), "{version}");
    }
}

#[test]
fn golden_statements_are_grouped_and_flips_are_seen() {
    for (name, log) in all_golden() {
        let review = review(&log);
        // Other literals, lengths, layouts: one statement without an identifier, of which the servers up to 17 have more.
        let is_text = name.ends_with("text.log");
        if is_text {
            assert_eq!(
                statement(&review, "select id from job where id in (...)").calls,
                4,
                "{name}"
            );
        }
        let flipping = statement(&review, "prepare by_state");
        assert_eq!(
            (flipping.calls, flipping.shapes.len(), flipping.flips_total),
            (6, 2, 2),
            "{name}"
        );
        let [to_generic, back] = flipping.flips.as_slice() else {
            panic!("{name}: two flips");
        };
        assert_eq!(
            (&to_generic.to, &to_generic.from),
            (&back.from, &back.to),
            "{name}"
        );
        assert!(to_generic.source < back.source, "{name}");
        let time = to_generic.time.as_deref().unwrap();
        let line = log
            .lines()
            .nth(to_generic.source.line as usize - 1)
            .unwrap();
        assert!(line.contains(time), "{name}: {time}");
        assert!(time.len() >= 14, "{name}: {time}");
        assert!(
            is_text || flipping.query_id.is_some_and(|id| id != 0) || name.starts_with("pg14/text"),
            "{name}"
        );
        // Statements inside a function have the identifier of the one that called it, and are not counted with it.
        assert_eq!(statement(&review, "select sweep(?)").calls, 2, "{name}");
        assert_eq!(statement(&review, "update archive").calls, 2, "{name}");
        assert_eq!(
            statement(&review, "select payload from job").shapes.len(),
            1,
            "{name}"
        );
    }
}

#[test]
fn pages_of_a_cte_that_runs_on_after_the_root_are_counted() {
    for (name, log) in all_golden() {
        let review = review(&log);
        let gone = statement(
            &review,
            "with gone as (delete from job where id between ? and ? returning id) select ?",
        );
        assert_eq!(gone.calls, 2, "{name}");
        let plan = &review.plans[gone.shapes[0].plan].plan;
        let root = plan.root.buffers.unwrap_or_default().total();
        let pages = gone.total_pages.unwrap();
        assert!(root == 0 && pages > 1_000, "{name}: {root} {pages}");
    }
}

/// What each entry of a log is understood as.
fn understood(log: &str, form: Form, known: impl Fn() -> Arc<Known>) -> Vec<Understood> {
    let (mut at, mut all, mut scratch) = (0, Vec::new(), Scratch::default());
    while let Some(header) = next_header(log.as_bytes(), at, Some(form)) {
        let entry = entry(log.as_bytes(), &header, true).unwrap();
        all.push(known().understand(&entry, form, &mut scratch).unwrap());
        at = entry.end;
    }
    all
}

#[test]
fn an_entry_of_a_known_structure_is_understood_as_if_it_were_read_in_full() {
    for (name, log) in all_golden() {
        let form = match Path::new(&name).extension().unwrap().to_str().unwrap() {
            "csv" => Form::Csv,
            "json" => Form::Json,
            _ => Form::Stderr,
        };
        let shared = Arc::new(Known::default());
        let first = understood(&log, form, || Arc::clone(&shared));
        let again = understood(&log, form, || Arc::clone(&shared));
        let in_full = understood(&log, form, Arc::default);
        assert_eq!(in_full.len() as u64, ENTRIES, "{name}");
        for (full, quick) in in_full
            .iter()
            .chain(&in_full)
            .zip(first.iter().chain(&again))
        {
            assert_eq!(full.shape.id, quick.shape.id, "{name}");
            assert_eq!(full.pages, quick.pages, "{name}: {}", full.statement.text);
            assert_eq!(full.statement, quick.statement, "{name}");
            assert_eq!(full.statement.text, quick.statement.text, "{name}");
        }
    }
}

#[test]
fn nothing_depends_on_where_a_block_ends() {
    for (name, log) in all_golden() {
        let whole = in_blocks(usize::MAX >> 1, log.as_bytes());
        for bytes in [1, 100, 997, 4_096, 10_007] {
            assert!(
                in_blocks(bytes, log.as_bytes()) == whole,
                "{name} in blocks of {bytes}"
            );
        }
    }
}

#[test]
fn logs_of_one_server_are_joined_in_order() {
    let (text, json) = (
        golden(16, "text.log").unwrap(),
        golden(16, "json.log").unwrap(),
    );
    let mut logs = Logs::default();
    logs.read("a.log", text.as_bytes());
    logs.read("b.log", text.as_bytes());
    let twice = logs.finish();
    let once = review(&text);
    assert_eq!(twice.problems, []);
    for (one, two) in once.statements.iter().zip(&twice.statements) {
        assert_eq!(
            (two.calls, two.total_pages),
            (2 * one.calls, one.total_pages.map(|pages| 2 * pages))
        );
        assert_eq!(
            (two.first.path.as_str(), two.shapes[0].last.path.as_str()),
            ("a.log", "b.log")
        );
    }
    // It ends with the shape it begins with.
    assert_eq!(statement(&twice, "prepare by_state").flips_total, 4);
    assert_eq!(calls(&review(&(text + &json))), 2 * ENTRIES);
}

#[test]
fn gzip_is_read_and_a_damaged_one_as_far_as_it_goes() {
    let log = golden(16, "text.log").unwrap().repeat(20);
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(log.as_bytes()).unwrap();
    let packed = encoder.finish().unwrap();
    assert!(read_log("server.log", packed.as_slice()) == review(&log));
    let half = read_log("server.log", &packed[..packed.len() / 2]);
    assert!(calls(&half) > ENTRIES && calls(&half) < 20 * ENTRIES);
    let told: Vec<_> = half
        .problems
        .iter()
        .map(|problem| problem.message.as_str())
        .collect();
    assert!(
        told.iter()
            .any(|message| message.starts_with("cannot read the log any further")),
        "{told:?}"
    );
}

/// A plan that touches so many pages.
fn scan(index: &str, pages: u64) -> String {
    format!(
        "\tIndex Scan using {index} on job  (cost=0.28..8.30 rows=1 width=4) (actual time=0.010..0.020 rows=1 loops=1)\n\
         \t  Index Cond: (id = {pages})\n\t  Buffers: shared hit={pages}\n"
    )
}

fn logged(prefix: &str, query: &str, plan: &str) -> String {
    format!("{prefix}duration: 1.500 ms  plan:\n\tQuery Text: {query}\n{plan}")
}

#[test]
fn any_prefix_and_any_language_will_do() {
    for prefix in [
        "LOG:  ",
        "2026-03-01 12:00:00.123 UTC [42] LOG:  ",
        "[42]: user=me,db=app,app=[unknown],client=::1 LOG:  ",
        "2026-03-01 12:00:00 CET [42-1] me@app PROTOKOLL:  ",
        "2026-03-01 12:00:00 CET [42] СООБЩЕНИЕ:  ",
        "2026-03-01 12:00:00 CET [42] LOG:  00000: ",
        "Mar  1 12:00:00 host postgres[42]: [7-1] 日志:  ",
    ] {
        let other = format!(
            "{}LOCATION:  explain_ExecutorEnd, auto_explain.c:437\n",
            "12:00:00 "
        );
        let log = logged(prefix, "select 1", &scan("a", 3))
            + &other
            + &logged(prefix, "select 2", &scan("a", 4));
        for log in [
            log.clone(),
            log.replace('\n', "\r\n"),
            log.trim_end().to_owned(),
        ] {
            let review = review(&log);
            assert_eq!(review.problems, [], "{prefix}");
            assert_eq!(
                (calls(&review), review.statements[0].total_pages),
                (2, Some(7)),
                "{prefix}"
            );
            assert_eq!(review.plans[0].source.line, 7, "{prefix}");
            assert_eq!(
                review.plans[0].statement.as_deref(),
                Some("select 2"),
                "{prefix}"
            );
        }
    }
}

#[test]
fn what_only_looks_like_an_entry_is_none() {
    for line in [
        "LOG:  duration: 1.500 ms  statement: select 1\n",
        "LOG:  duration: 1.500 ms  plan: none\n",
        "LOG:  duration: soon ms  plan:\n",
        "LOG:  duration: 1.2.3 ms  plan:\n",
        "LOG:  the duration: 1.500 ms  plan:\n",
        "STATEMENT:  select\n\tLOG:  duration: 1.500 ms  plan:\n\tResult  (cost=0.00..0.01 rows=1 width=4)\n",
        "",
        "\n\n",
        "\u{0}\u{1}\u{fffd} ms  plan:\n",
    ] {
        let review = review(line);
        assert_eq!(calls(&review), 0, "{line}");
        let [problem] = review.problems.as_slice() else {
            panic!("{line}: {:?}", review.problems);
        };
        assert!(
            problem.message.contains("auto_explain.log_min_duration"),
            "{line}: {}",
            problem.message
        );
        let beside = line.to_owned() + &logged("LOG:  ", "select 1", &scan("a", 3));
        let beside = read_log("server.log", beside.as_bytes());
        assert_eq!((calls(&beside), beside.problems), (1, vec![]), "{line}");
    }
}

#[test]
fn damaged_entries_are_told_and_the_rest_is_counted() {
    let whole = logged("LOG:  ", "select 1", &scan("a", 3));
    for (damaged, told) in [
        ("LOG:  duration: 1.500 ms  plan:\n", "holds no plan"),
        (
            "LOG:  duration: 1.500 ms  plan:\n\tQuery Text: select 1\n",
            "holds no plan",
        ),
        (
            "LOG:  duration: 1.500 ms  plan:\n\t{\n\t  \"Query Text\": \"select 1\",\n\t  \"Plan\": {\n",
            "cut off or damaged",
        ),
        (
            "LOG:  duration: 1.500 ms  plan:\n\t<explain xmlns=\"x\">\n",
            "XML",
        ),
        (
            "LOG:  duration: 1.500 ms  plan:\n\tQuery Text: \"select 1\"\n\tPlan: \n\t  Node Type: \"Result\"\n",
            "YAML",
        ),
    ] {
        let review = review(&(whole.clone() + damaged + &whole));
        assert_eq!(calls(&review), 2, "{damaged}");
        let [problem] = review.problems.as_slice() else {
            panic!("{damaged}: {:?}", review.problems);
        };
        assert!(
            problem.message.contains(told),
            "{damaged}: {}",
            problem.message
        );
        assert_eq!(problem.source.line, 6, "{damaged}");
    }
    let many = review(&"LOG:  duration: 1.500 ms  plan:\n".repeat(50));
    assert_eq!(many.problems.len(), 21);
    assert!(
        many.problems[20].message.starts_with("30 more entries"),
        "{}",
        many.problems[20].message
    );
}

#[test]
fn a_csv_record_that_is_cut_off_does_not_swallow_the_next() {
    let log = golden(16, "text.csv").unwrap();
    let second = log.match_indices(" ms  plan:").nth(1).unwrap().0;
    let cut = format!("{}\n{}", &log[..second - 200], &log[second - 200..]);
    let broken = cut.replacen(" width=8)", " width", 1);
    assert!(calls(&review(&broken)) >= ENTRIES - 1);
}

#[test]
fn flips_beyond_those_kept_are_counted() {
    let log: String = (0..100_u64)
        .map(|n| {
            logged(
                &format!("2026-03-01 12:00:00.{n:03} UTC LOG:  "),
                "select 1",
                &scan(["a", "b"][n as usize % 2], n),
            )
        })
        .collect();
    for bytes in [64, 1_000, 100_000] {
        let review = in_blocks(bytes, log.as_bytes());
        let statement = &review.statements[0];
        assert_eq!((statement.flips_total, statement.flips.len()), (99, 20));
        let times: Vec<_> = statement
            .flips
            .iter()
            .map(|flip| flip.time.clone().unwrap())
            .collect();
        assert_eq!(
            (times[0].as_str(), times[9].as_str()),
            ("2026-03-01 12:00:00.001 UTC", "2026-03-01 12:00:00.010 UTC")
        );
        assert_eq!(
            (times[10].as_str(), times[19].as_str()),
            ("2026-03-01 12:00:00.090 UTC", "2026-03-01 12:00:00.099 UTC")
        );
        assert_eq!(
            statement.shapes[0]
                .max_pages
                .max(statement.shapes[1].max_pages),
            Some(99)
        );
    }
}

#[test]
fn statements_beyond_those_listed_are_told() {
    let listed = super::tally::MOST_SHAPES as u64;
    let log: String = (0..listed + 7)
        .map(|n| logged("LOG:  ", &format!("select a from job_{n}"), &scan("a", 1)))
        .collect();
    let review = review(&log);
    assert_eq!(
        (calls(&review), review.statements.len() as u64),
        (listed, listed)
    );
    let [problem] = review.problems.as_slice() else {
        panic!("{:?}", review.problems);
    };
    assert!(
        problem.message.starts_with("7 entries are not counted"),
        "{}",
        problem.message
    );
}

/// Pieces of logs: whole entries in both formats, halves of them, ordinary lines, noise.
fn pieces() -> impl Strategy<Value = String> {
    let text = (0..4_usize, 0..1_000_u64).prop_map(|(index, pages)| {
        logged(
            "2026-03-01 12:00:00 UTC LOG:  ",
            &format!("select {pages}"),
            &scan(["a", "b", "c", "d"][index], pages),
        )
    });
    let json = (0..3_usize, 0..1_000_u64).prop_map(|(index, pages)| {
        format!(
            "LOG:  duration: 0.{pages:03} ms  plan:\n\t{{\n\t  \"Query Text\": \"select {pages} from b\",\n\t  \"Plan\": {{\n\t    \
             \"Node Type\": \"Seq Scan\",\n\t    \"Relation Name\": \"{}\",\n\t    \"Shared Hit Blocks\": {pages},\n\t    \
             \"Shared Read Blocks\": 1\n\t  }}\n\t}}\n",
            ["x", "y", "z"][index]
        )
    });
    let half = (text.clone(), 0..200_usize)
        .prop_map(|(entry, at)| entry.get(..at).unwrap_or(&entry).to_owned());
    prop_oneof![
        text,
        json,
        half,
        Just("LOG:  checkpoint starting: time\n".to_owned()),
        Just("ERROR:  bad\n\tDETAIL of it  (cost=\n".to_owned()),
        Just("LOG:  duration: 3.000 ms  statement: select 1\n\tfrom job\n".to_owned()),
        "[\u{0}-\u{7f}]{0,60}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_blocks_give_the_same(pieces in prop::collection::vec(pieces(), 0..12), bytes in 1..3_000_usize) {
        let log = pieces.concat();
        prop_assert_eq!(in_blocks(bytes, log.as_bytes()), in_blocks(1 << 20, log.as_bytes()));
    }

    #[test]
    fn golden_logs_with_holes_are_read(version in 0..5_usize, name in 0..6_usize, holes in prop::collection::vec((0..60_000_usize, 1..500_usize), 1..4)) {
        let names = ["text.log", "text.csv", "text.json", "json.log", "json.csv", "json.json"];
        let mut log = golden(VERSIONS[version], names[name]).unwrap_or_default().into_bytes();
        for (at, length) in holes {
            let start = at.min(log.len());
            log.drain(start..(start + length).min(log.len()));
        }
        let whole = in_blocks(1 << 20, &log);
        prop_assert!(calls(&whole) <= ENTRIES);
        prop_assert_eq!(in_blocks(1_000, &log), whole);
    }

    #[test]
    fn no_bytes_are_too_odd(bytes in prop::collection::vec(any::<u8>(), 0..400), which in 0..4_usize) {
        let header = ["", "LOG:  duration: 1.000 ms  plan:\n\t", ",LOG,00000,\"duration: 1.000 ms  plan:\n", "\"message\":\"duration: 1.000 ms  plan:\\n"];
        let log = [header[which].as_bytes(), &bytes].concat();
        let _ = read_log("noise", log.as_slice());
    }
}
