//! Executions are added up by statement, place and shape, within bounds.

use super::*;

const IN_F: &str = "PL/pgSQL function f() line 3 at SQL statement";

/// What auto_explain prints for a scan of `table` that touched so many pages.
fn printed(text: &str, table: &str, pages: u64) -> String {
    format!(
        r#"{{"Query Text":{},"Plan":{{"Node Type":"Seq Scan","Relation Name":"{table}","Alias":"{table}","Actual Rows":2,"Actual Loops":1,
            "Shared Hit Blocks":{pages},"Shared Read Blocks":1,"WAL Records":4,"WAL FPI":0,"WAL Bytes":40}}}}"#,
        serde_json::Value::from(text)
    )
}

#[test]
fn executions_of_one_statement_are_one_entry_with_the_dearest_plan() {
    let mut heard = Heard::within(10, 100_000);
    for pages in [3, 9, 5] {
        heard.add(&printed("select a", "job", pages), Some(IN_F));
    }
    let nested = heard.finish();
    let [entry] = &nested.entries[..] else {
        panic!("one entry: {nested:?}");
    };
    assert_eq!((entry.calls, entry.rows, entry.buffers.total), (3, 6, 20));
    assert_eq!((entry.wal.records, entry.wal.bytes), (12, 120));
    assert_eq!(entry.dump, printed("select a", "job", 9));
    assert_eq!(entry.statement, "select a");
    assert_eq!(nested.left_out, 0);
}

#[test]
fn places_texts_and_shapes_are_told_apart() {
    let mut heard = Heard::within(10, 100_000);
    let elsewhere = "PL/pgSQL function f() line 4 at SQL statement";
    heard.add(&printed("select a", "job", 1), Some(IN_F));
    heard.add(&printed("select a", "other", 2), Some(IN_F));
    heard.add(&printed("select b", "job", 3), Some(IN_F));
    heard.add(&printed("select a", "job", 4), Some(elsewhere));
    let nested = heard.finish();
    let pages: Vec<u64> = nested
        .entries
        .iter()
        .map(|entry| entry.buffers.total)
        .collect();
    assert_eq!(pages, [5, 4, 3, 2], "the dearest first");
}

#[test]
fn the_outer_statement_is_none_of_them() {
    let mut heard = Heard::within(10, 100_000);
    heard.add(&printed("explain (analyze) select f()", "job", 1), None);
    heard.add(
        &printed("prepare pgqa_generic as select f()", "job", 1),
        None,
    );
    assert!(heard.entries.is_empty());
    heard.add(&printed("explain (analyze) select 1", "job", 1), Some(IN_F));
    heard.add(&printed("select 1", "job", 1), None);
    assert_eq!(heard.entries.len(), 2, "a function may explain as well");
}

#[test]
fn what_goes_beyond_the_bounds_is_counted() {
    let mut heard = Heard::within(2, 100_000);
    for number in 0..50_000 {
        heard.add(
            &printed(&format!("select {}", number % 4), "job", 1),
            Some(IN_F),
        );
    }
    let nested = heard.finish();
    let calls: Vec<u64> = nested.entries.iter().map(|entry| entry.calls).collect();
    assert_eq!((calls, nested.left_out), (vec![12_500, 12_500], 25_000));

    let mut heard = Heard::within(10, 1_000);
    heard.add(&printed("select a", "job", 1), Some(IN_F));
    heard.add(&printed(&"b".repeat(1_000), "job", 1), Some(IN_F));
    heard.add("no plan", Some(IN_F));
    assert_eq!((heard.entries.len(), heard.left_out), (1, 2));
    assert!(heard.bytes <= 1_000);
    let nested = heard.finish();
    assert_eq!(nested.entries[0].statement, "select a");
}

#[test]
fn a_very_long_text_is_cut() {
    let text = "ä".repeat(MOST_TEXT + 5);
    assert_eq!(cut(&text).chars().count(), MOST_TEXT + 1);
    assert_eq!(cut("select 1"), "select 1");
}
