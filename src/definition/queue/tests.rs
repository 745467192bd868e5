//! Queues: what is read, and for each error its file, line, column and help.

use proptest::prelude::*;

use super::*;
use crate::sql::Position;

const MANIFEST: &str = "\
description = \"One table\"
delivery = \"at-most-once\"
batch = \"unbounded\"
claim_ends = \"timeout\"
plan_mode = \"generic\"
order = \"fifo\"
tables = [\"job\"]
payload = \"payload\"
due = \"run_at\"
[operations]
complete = \"complete-unnest\"
[options]
fillfactor = 100
";
const SCHEMA: &str = "create table job (id bigint) with (fillfactor = :fillfactor);\n";
const POPULATE: &str = "insert into job select seq from pgqa_job;\n";
const FETCH: &str =
    "-- operation: fetch\n-- param batch_size int = 1\nselect id from job limit :batch_size\n";
const COMPLETE: &str = "-- operation: complete\n-- param ids bigint[] = fetched.id\n-- variant completed-10: fetch.batch_size = 10\n\
                        delete from job where id = any(:ids)\n";

/// A queue's folder with these files in place of, or beside, those of a sound queue; a file without text is left out.
fn parse(changes: &[(&str, &str)]) -> Result<Queue, DefinitionError> {
    let mut files = BTreeMap::from([
        ("queue.toml", MANIFEST),
        ("schema.sql", SCHEMA),
        ("populate.sql", POPULATE),
        ("fetch.sql", FETCH),
        ("complete-unnest.sql", COMPLETE),
    ]);
    files.extend(changes.iter().copied());
    let sources = files.into_iter().filter(|(_, text)| !text.is_empty());
    Queue::parse(
        "q",
        "queries/q",
        sources
            .map(|(name, text)| Source::new(format!("queries/q/{name}"), text))
            .collect(),
    )
}

#[track_caller]
fn refused(changes: &[(&str, &str)], expected: &str) {
    assert_eq!(
        parse(changes).unwrap_err().to_string(),
        format!("queries/q{expected}")
    );
}

fn fixture(options: &str) -> Fixture {
    let text = format!("description = \"x\"\njobs = 1\n[options]\n{options}\n");
    Fixture::parse(Source::new("fixtures/f.toml", text)).unwrap()
}

#[test]
fn a_whole_folder_is_read() {
    let backlog = "-- operation: inspect\nselect 1\n";
    let indexes = "create index on job (id);";
    let queue = parse(&[
        ("backlog.sql", backlog),
        ("indexes.sql", indexes),
        ("README.md", "not read"),
    ])
    .unwrap();
    assert_eq!(
        (queue.name.as_str(), queue.description.as_str()),
        ("q", "One table")
    );
    assert_eq!(
        (queue.delivery, queue.batch, queue.claim_ends),
        (Delivery::AtMostOnce, Batch::Unbounded, ClaimEnds::Timeout)
    );
    assert_eq!(
        (queue.plan_mode, queue.order),
        (PlanCacheMode::Generic, Order::Fifo)
    );
    assert_eq!(
        (queue.payload.as_deref(), queue.due.as_deref()),
        (Some("payload"), Some("run_at"))
    );
    assert_eq!(queue.tables, ["job"]);
    assert_eq!(queue.options["fillfactor"], OptionValue::Integer(100));
    let names: Vec<_> = queue
        .statements
        .iter()
        .map(|file| file.name.as_str())
        .collect();
    assert_eq!(
        names,
        ["fetch", "complete-unnest", "backlog"],
        "in the order of operations"
    );
    assert_eq!(queue.statements_of(Operation::Fetch).count(), 1);
    let serving = |operation| queue.serving(operation).map(|file| file.name.as_str());
    assert_eq!(serving(Operation::Fetch), Some("fetch"));
    assert_eq!(serving(Operation::Complete), Some("complete-unnest"));
    assert_eq!(serving(Operation::Inspect), Some("backlog"));
    assert_eq!(serving(Operation::Enqueue), None);
    assert_eq!(
        queue.scripts().map(Source::file_name).collect::<Vec<_>>(),
        ["schema.sql", "populate.sql", "indexes.sql"]
    );
}

#[test]
fn what_a_manifest_does_not_say_has_a_default() {
    let queue = parse(&[
        ("queue.toml", "description = \"x\""),
        ("schema.sql", "select 1"),
        ("complete-unnest.sql", ""),
    ])
    .unwrap();
    assert_eq!(
        (queue.delivery, queue.batch),
        (Delivery::AtLeastOnce, Batch::Bounded)
    );
    assert_eq!(
        (queue.plan_mode, queue.order),
        (PlanCacheMode::Auto, Order::Priority)
    );
    assert_eq!(
        (queue.payload, queue.due, queue.indexes),
        (None, None, None)
    );
}

#[test]
fn digests_follow_the_content() {
    let queue = parse(&[]).unwrap();
    let other_statement = parse(&[("fetch.sql", &format!("{FETCH} -- changed"))]).unwrap();
    let other_schema = parse(&[("schema.sql", &format!("{SCHEMA} -- changed"))]).unwrap();
    assert_eq!(queue.digest(), parse(&[]).unwrap().digest());
    assert_ne!(queue.digest(), other_statement.digest());
    assert_eq!(queue.tables_digest(), other_statement.tables_digest());
    assert_ne!(queue.tables_digest(), other_schema.tables_digest());
}

#[test]
fn options_become_literals_and_fixtures_set_them() {
    let manifest = "description = \"x\"\n[options]\nfillfactor = 100\nlogged = true\nkind = \"it's\"\nscale = 0.5\n";
    let schema = "-- one\nselect 1;\n\ncreate table job (s text default :kind, f float default :scale) with (fillfactor = :fillfactor, x = :logged);";
    let queue = parse(&[
        ("queue.toml", manifest),
        ("schema.sql", schema),
        ("complete-unnest.sql", ""),
    ])
    .unwrap();
    let options = queue.options_for(&fixture("fillfactor = 50")).unwrap();
    let statements = queue.script(&queue.schema, &options).unwrap();
    let texts: Vec<_> = statements.iter().map(ScriptStatement::text).collect();
    let table = "create table job (s text default 'it''s', f float default 0.5) with (fillfactor = 50, x = true)";
    assert_eq!(texts, ["select 1", table]);
    let place =
        |needle: &str| statements[1].position(&queue.schema, table.find(needle).unwrap() + 1);
    assert_eq!(place("create"), Position { line: 4, column: 1 });
    assert_eq!(
        place("50"),
        Position {
            line: 4,
            column: schema.lines().last().unwrap().find(":fill").unwrap() + 1
        }
    );
}

#[test]
fn an_option_the_queue_lacks_is_refused_in_the_fixture() {
    let queue = parse(&[]).unwrap();
    let refused = |options: &str| {
        queue
            .options_for(&fixture(options))
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        refused("fillfacter = 1"),
        "fixtures/f.toml:4:14: queue `q` has no option `fillfacter`; did you mean `fillfactor`?"
    );
    assert_eq!(
        refused("x = 1"),
        "fixtures/f.toml:4:5: queue `q` has no option `x`; options: `fillfactor`"
    );
    assert_eq!(
        refused("fillfactor = \"1\""),
        "fixtures/f.toml:4:14: option `fillfactor` is text; queue `q` expects a number"
    );
    let error = queue
        .script(&queue.schema, &BTreeMap::new())
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "queries/q/schema.sql:1:49: the queue has no option `fillfactor`; add `fillfactor = …` under [options] in queue.toml"
    );
}

#[test]
fn files_must_be_there() {
    refused(
        &[("queue.toml", "")],
        ": `queue.toml` is missing; write it: at least `description = \"…\"`",
    );
    refused(
        &[("schema.sql", "")],
        ": `schema.sql` is missing; write it: the statements that make the tables",
    );
    refused(
        &[("populate.sql", "")],
        ": `populate.sql` is missing; write it: the statements that fill them from pgqa_job",
    );
    let none = [("fetch.sql", ""), ("complete-unnest.sql", "")];
    refused(
        &none,
        ": there is no statement file; write one, for example `fetch.sql`",
    );
}

#[test]
fn a_manifest_has_known_keys_and_values() {
    let manifest = |text: &str, expected: &str| {
        refused(&[("queue.toml", text)], &format!("/queue.toml:{expected}"))
    };
    manifest(
        "delivery = \"at-least-once\"",
        "1:1: key `description` is missing; add `description = …`",
    );
    manifest(
        "description = \"x\"\ndelivry = \"x\"",
        "2:1: unknown key `delivry`; did you mean `delivery`?",
    );
    manifest(
        "description = \"x\"\ndelivery = \"at-least-onse\"",
        "2:12: unknown value `at-least-onse`; did you mean `at-least-once`?",
    );
    manifest(
        "description = \"x\"\nplan_mode = \"fast\"",
        "2:13: unknown value `fast`; values: `auto`, `custom`, `generic`",
    );
    manifest("description = \"x\"\norder = 1", "2:9: expected a string");
    manifest(
        "description = \"x\"\n[operations]\nfetsh = \"a\"",
        "3:1: unknown operation `fetsh`; did you mean `fetch`?",
    );
    manifest(
        "description = \"x\"\n[options]\na = [1]",
        "3:5: found an array, expected a finite number, a string, true or false",
    );
    manifest(
        "description = \"x\"\n[options]\na = nan",
        "3:5: found number `NaN`, expected a finite number, a string, true or false",
    );
}

#[test]
fn operations_name_files_that_serve_them() {
    let manifest = |value: &str| MANIFEST.replace("\"complete-unnest\"", &format!("\"{value}\""));
    let refuse = |value: &str, expected: &str| {
        refused(
            &[("queue.toml", &manifest(value))],
            &format!("/queue.toml:11:12: {expected}"),
        )
    };
    refuse(
        "complete-unest",
        "there is no file `complete-unest.sql`; did you mean `complete-unnest`?",
    );
    refuse(
        "x",
        "there is no file `x.sql`; files for complete: `complete-unnest`",
    );
    refuse(
        "fetch",
        "`fetch.sql` serves fetch, not complete; name a file that says `-- operation: complete`",
    );
    refuse(
        "complete-unnest.sql",
        "`complete-unnest.sql` names no statement; write `complete-unnest`, without `.sql`",
    );
}

#[test]
fn options_are_used_and_uses_are_options() {
    let more = format!("{MANIFEST}unused = 1\n");
    let unused = "option `unused` is never used; write `:unused` in schema.sql, populate.sql or indexes.sql, or remove it";
    refused(
        &[("queue.toml", &more)],
        &format!("/queue.toml:14:10: {unused}"),
    );
    let more = format!("{MANIFEST}Fill = 1\n");
    refused(
        &[("queue.toml", &more)],
        "/queue.toml:14:8: `Fill` cannot name an option; option names are [a-z_][a-z0-9_]*",
    );
    refused(
        &[("schema.sql", "select 1;\nselect :fillfacter")],
        "/schema.sql:2:8: the queue has no option `fillfacter`; did you mean `:fillfactor`?",
    );
    let add = "add `x = …` under [options] in queue.toml";
    refused(
        &[("populate.sql", "select :x")],
        &format!("/populate.sql:1:8: the queue has no option `x`; {add}"),
    );
    refused(
        &[("indexes.sql", "select 'x")],
        "/indexes.sql:1:8: string that does not end; end it with '",
    );
}

#[test]
fn a_feeding_fetch_exists_and_has_the_parameters_set() {
    let setting = COMPLETE.replace("fetch.batch_size", "fetch.batch_sise");
    let expected = "/complete-unnest.sql:3:26: the queue's fetch (`fetch.sql`) has no parameter `batch_sise`; did you mean `batch_size`?";
    refused(&[("complete-unnest.sql", &setting)], expected);
    let none = "variant `completed-10` is fed by a fetch, and the queue has none";
    let help =
        "write `fetch.sql`, or name the file under [operations] in queue.toml: `fetch = \"…\"`";
    refused(
        &[("fetch.sql", "")],
        &format!("/complete-unnest.sql:2:25: {none}; {help}"),
    );
    let only_set = COMPLETE.replace("fetched.id", "null");
    refused(
        &[("fetch.sql", ""), ("complete-unnest.sql", &only_set)],
        &format!("/complete-unnest.sql:3:26: {none}; {help}"),
    );
}

#[test]
fn an_error_in_a_statement_file_is_passed_on() {
    refused(
        &[("fail.sql", "select 1")],
        "/fail.sql:1:1: the operation is missing; add the line `-- operation: fail` to the first comment",
    );
}

proptest! {
    #[test]
    fn any_manifest_and_script_is_read_or_refused(manifest in "([a-z_]{1,9} = [\"0-9\\[{a-z]{0,5}\n?|\\[[a-z]{1,8}\\]\n|\\PC){0,12}", schema in "\\PC{0,40}") {
        let _ = parse(&[("queue.toml", &format!("description = 'x'\n{manifest}")), ("schema.sql", &schema)]);
        let _ = parse(&[("queue.toml", &manifest)]);
    }
}
