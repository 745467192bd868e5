//! What is refused in a statement file: for each error its file, line, column and help.

use super::parse;

/// Asserts that `text`, as `queries/q/complete.sql`, is refused with `expected`: `line:column: message; help`.
#[track_caller]
fn refused(text: &str, expected: &str) {
    let error = parse("complete.sql", text).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("queries/q/complete.sql:{expected}")
    );
}

#[test]
fn a_file_must_say_what_it_does() {
    refused(
        " \n",
        "1:1: the file is empty; start it with a line `-- operation: fetch` (or what it does), the statement follows",
    );
    refused(
        "select 1",
        "1:1: the operation is missing; add the line `-- operation: complete` to the first comment",
    );
    let error = parse("claim.sql", "-- Claims.\nselect 1")
        .unwrap_err()
        .to_string();
    let names = "enqueue, fetch, complete, fail, release, heartbeat, rescue, prune, step-load, step-save, inspect";
    assert_eq!(
        error,
        format!(
            "queries/q/claim.sql:1:1: the operation is missing; add the line `-- operation: NAME` to the first comment, with one of: {names}"
        )
    );
    refused(
        "-- operation: fetsh\nselect 1",
        "1:15: unknown operation `fetsh`; did you mean `fetch`?",
    );
    refused(
        "-- operation: fetch\n-- operation: fail\nselect 1",
        "2:15: a second operation; a file serves one operation: write another file",
    );
    refused(
        "-- operation fetch\nselect 1",
        "1:14: `:` is missing after `operation`; write `-- operation: NAME`",
    );
    refused(
        "-- operation:\nselect 1",
        "1:14: `operation:` names nothing; write `-- operation: NAME`",
    );
    refused(
        "-- operation: fail\n",
        "1:19: there is no statement in the file; write it below the comment",
    );
}

#[test]
fn unknown_directives_are_refused() {
    refused(
        "-- operation: fail\n-- parm a int\nselect 1",
        "2:4: unknown directive `parm`; did you mean `param`?",
    );
    refused(
        "-- Words.\n-- operaton: fail\nselect 1",
        "2:4: unknown directive `operaton`; did you mean `operation`?",
    );
    refused(
        "-- varient a: b = 1\n-- operation: fail\nselect 1",
        "1:4: unknown directive `varient`; did you mean `variant`?",
    );
    let rest = "after the first directive come only directives (`operation:`, `param`, `variant`, `statement:`)";
    refused(
        "-- operation: fail\n-- More words.\nselect 1",
        &format!("2:4: unknown directive `More`; {rest}"),
    );
    refused(
        "-- operation: fail\n-- (words)\nselect 1",
        &format!("2:4: this is no directive; {rest}"),
    );
    let late = "3:4: a directive outside the first comment; directives stand in the first comment: leave no empty line before it";
    refused("-- operation: fail\n\n-- param a int = 1\nselect 1", late);
    refused("-- operation: fail\n\n-- variant a: b = 1\nselect 1", late);
}

#[test]
fn parameters_are_declared_once_and_used() {
    let form = "write `-- param NAME TYPE = EXPR`, or without `= EXPR`";
    refused(
        "-- operation: fail\n-- param a int = 1\nselect 1",
        "2:10: parameter `a` is never used; write `:a` in the statement, or remove it",
    );
    refused(
        "-- operation: fail\n-- param a int = 1\n-- param a int = 1\nselect :a",
        "3:10: parameter `a` is declared twice; first in line 2",
    );
    refused(
        "-- operation: fail\n-- param batch_size int = 1\nselect\n :batch_sise",
        "4:2: `:batch_sise` is not declared; did you mean `:batch_size`?",
    );
    refused(
        "-- operation: fail\nselect 'ä', :queue",
        "2:13: `:queue` is not declared; add the line `-- param queue TYPE = EXPR` to the first comment",
    );
    refused(
        "-- operation: fail\n-- param\nselect 1",
        &format!("2:9: `param` names nothing; {form}"),
    );
    refused(
        "-- operation: fail\n-- param a\nselect :a",
        &format!("2:11: parameter `a` has no type; {form}"),
    );
    refused(
        "-- operation: fail\n-- param a = 1\nselect :a",
        &format!("2:11: parameter `a` has no type; {form}"),
    );
    refused(
        "-- operation: fail\n-- param Queue text\nselect 1",
        "2:10: `Queue` cannot name a parameter; parameter names are [a-z_][a-z0-9_]*",
    );
    refused(
        "-- operation: fail\n-- param :a text\nselect 1",
        "2:10: `:a` cannot name a parameter; write `a`; the colon stands in the statement only",
    );
    refused(
        "-- operation: fail\n-- param a int default 1\nselect 1",
        "2:16: `default` is no part of a type; write `-- param NAME TYPE = EXPR`",
    );
    refused(
        "-- operation: fail\n-- param a int + 1\nselect 1",
        "2:16: `+` is no part of a type; write `-- param NAME TYPE = EXPR`",
    );
}

#[test]
fn expressions_are_checked_where_they_stand() {
    let with =
        |expression: &str| format!("-- operation: fail\n-- param a int = {expression}\nselect :a");
    refused(
        &with(""),
        "2:17: a value is missing after `=`; write an SQL expression, for example `null`",
    );
    refused(&with("'x"), "2:18: string that does not end; end it with '");
    refused(
        &with("f(1"),
        "2:19: `(` has no counterpart; close every bracket that is opened, in order",
    );
    refused(
        &with("1 -- one"),
        "2:20: a comment in an expression; remove it",
    );
    refused(&with("1; 2"), "2:19: `;` in an expression; remove it");
    refused(
        &with("1 + :b"),
        "2:22: parameter `:b` in an expression; an expression is evaluated by itself: write the value",
    );
    let literal = "psql would replace `:'b'`, this program does not; write `:b`: values are bound, so they need no quotes";
    refused(&with("\n--     :'b'"), &format!("3:8: {literal}"));
}

#[test]
fn variants_set_what_there_is_once() {
    let with = |lines: &str| {
        format!(
            "-- operation: complete\n-- param a int\n-- param batch_size int = 1\n{lines}\nselect :a, :batch_size"
        )
    };
    let form = "write `-- variant NAME: PARAMETER = EXPR, …`";
    refused(
        &with("-- variant x: a = 1\n-- variant x: a = 2"),
        "5:12: variant `x` is declared twice; first in line 4",
    );
    refused(
        &with("-- variant x: a = 1, a = 2"),
        "4:22: variant `x` sets `a` twice; keep one of the two",
    );
    refused(
        &with("-- variant x: fetch.a = 1, fetch.a = 2"),
        "4:28: variant `x` sets `fetch.a` twice; keep one of the two",
    );
    refused(
        &with("-- variant x: batch_sise = 1"),
        "4:15: there is no parameter `batch_sise`; did you mean `batch_size`?",
    );
    refused(
        &with("-- variant x: queue = 1"),
        "4:15: there is no parameter `queue`; parameters: `a`, `batch_size`",
    );
    refused(
        &with("-- variant x: fetched.a = 1"),
        "4:15: `fetched.` cannot be set by a variant; a variant sets its own parameters and `fetch.PARAMETER`",
    );
    let value = "write `a = EXPR` in the variant, or a default in `-- param a …`";
    refused(
        &with("-- variant x: batch_size = 2"),
        &format!("4:12: variant `x` leaves parameter `a` without a value; {value}"),
    );
    refused(
        &with("-- variant x"),
        &format!("4:12: variant `x` leaves parameter `a` without a value; {value}"),
    );
    let none = "parameter `a` has no value: it has no default, and there is no variant to set it";
    let lines = "write `-- param a int = EXPR`, or add `-- variant NAME: a = EXPR`";
    refused(
        "-- operation: fail\n-- param a int\nselect :a",
        &format!("2:10: {none}; {lines}"),
    );
    refused(
        &with("-- variant Batch_1: a = 1"),
        "4:12: `Batch_1` cannot name a variant; variant names are [a-z0-9-]+",
    );
    refused(
        &with("-- variant: a = 1"),
        &format!("4:11: `variant` names nothing; {form}"),
    );
    refused(
        &with("-- variant x a = 1"),
        &format!("4:14: `:` is missing after variant `x`; {form}"),
    );
    refused(
        &with("-- variant x: a = 1,"),
        "4:21: nothing before or after a comma; write `PARAMETER = EXPR`, separated by commas",
    );
    refused(
        &with("-- variant x: a"),
        "4:16: `=` is missing in a variant; write `PARAMETER = EXPR`; commas separate",
    );
    refused(
        &with("-- variant x: a : 1"),
        "4:17: `=` is missing in a variant; write `PARAMETER = EXPR`; commas separate",
    );
}

#[test]
fn a_fetch_is_not_fed() {
    let fetch =
        |lines: &str| format!("-- operation: fetch\n-- param a int = 1\n{lines}\nselect :a");
    refused(
        &fetch("-- variant x: fetch.a = 1"),
        "3:15: a fetch is not fed by a fetch, so `fetch.a` means nothing here; write `a = …`",
    );
    refused(
        &fetch("-- variant x: a = fetched.id[1]"),
        "3:19: `fetched` in a fetch: nothing has been fetched before it; write the value itself",
    );
}

#[test]
fn statements_are_named_once_each() {
    let several =
        "2 statements in a file, and this one has no name; write `-- statement: NAME` before each";
    refused(
        "-- operation: fail\nselect 1;\nselect 2;",
        &format!("2:1: {several}"),
    );
    refused(
        "-- operation: fail\n-- statement: one\nselect 1;\nselect 2;",
        &format!("4:1: {several}"),
    );
    refused(
        "-- operation: fail\n-- statement: a\nselect 1;\n-- statement: a\nselect 2",
        "4:15: statement `a` stands twice; first in line 2",
    );
    refused(
        "-- operation: fail\nselect 1;\n-- statement: a\n",
        "3:15: no statement follows `statement: a`; write it, or remove the line",
    );
    refused(
        "-- operation: fail\nselect 1\n-- statement: a\nselect 2",
        "3:15: `statement: a` inside a statement; end the statement before it with `;`",
    );
    refused(
        "-- operation: fail\n-- statement: a\n-- statement: b\nselect 1",
        "3:15: a second name, `b`, for one statement; keep one of the two",
    );
    let names = "statement names are [a-z_][a-z0-9_]*, so that expressions can say `NAME.<column>`";
    refused(
        "-- operation: fail\n-- statement: a-b\nselect 1",
        &format!("2:15: `a-b` cannot name a statement; {names}"),
    );
    refused(
        "-- operation: fail\n-- statement: fetched\nselect 1",
        "2:15: `fetched` is the feeding fetch, not a statement; choose another name",
    );
    let early = "-- operation: complete\n-- param p int[] = b.id\n-- statement: a\nselect :p;\n-- statement: b\nselect 1 as id";
    refused(
        early,
        "2:20: parameter `p` is bound before statement `b` has returned rows; use the rows of an earlier statement",
    );
}

#[test]
fn psql_forms_in_a_statement_have_a_place() {
    let help = "write ` : :n` for a parameter, ` : n` for a column, with these spaces";
    refused(
        "-- operation: fail\nselect 1,\n  a[1:n]",
        &format!("3:6: psql would replace `:n`, this program does not; {help}"),
    );
}

#[test]
fn a_statement_is_one_that_can_be_explained() {
    let help =
        "a statement starts with select, insert, update, delete, merge, values, with, table or `(`";
    for (statement, word) in [
        ("notify jobs", "notify"),
        ("CALL f()", "CALL"),
        ("do $$begin end$$", "do"),
    ] {
        refused(
            &format!("-- operation: fail\n{statement}"),
            &format!("2:1: `{word}` starts no statement that EXPLAIN takes; {help}"),
        );
    }
    refused(
        "-- operation: fail\nupdat job set a = 1",
        "2:1: `updat` starts no statement that EXPLAIN takes; did you mean `update`?",
    );
    for statement in ["(select 1)", "TABLE job", "with a as (select 1) table a"] {
        let text = format!("-- operation: fail\n{statement}");
        assert!(parse("fail.sql", &text).is_ok(), "{statement}");
    }
}

#[test]
fn a_command_of_psql_is_no_second_statement() {
    let error = parse("fail.sql", "-- operation: fail\nselect 1;\n\\echo done\n").unwrap_err();
    assert_eq!(error.position.map(|position| position.line), Some(3));
    assert!(!error.message.contains("no name"), "{error}");
}

#[test]
fn a_reserved_word_names_no_statement() {
    for name in ["order", "left", "system_user"] {
        refused(
            &format!("-- operation: fail\n-- statement: {name}\nselect 1"),
            &format!(
                "2:15: `{name}` is a reserved word of SQL and cannot name a statement; choose another name: expressions say `NAME.<column>`"
            ),
        );
    }
    assert!(
        parse(
            "fail.sql",
            "-- operation: fail\n-- statement: update\nselect 1"
        )
        .is_ok()
    );
}
