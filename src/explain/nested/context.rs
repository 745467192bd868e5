//! Where a nested statement stands, read from the context that PostgreSQL gives with each notice, innermost first.
//!
//! Source: `_SPI_error_callback` (spi.c), `plpgsql_exec_error_callback` (pl_exec.c) and `sql_exec_error_callback` (functions.c) of
//! PostgreSQL 14 to 18, in English.

use crate::run::nested::Within;
use crate::sql::split::statements;

/// What SPI says about a text that it executes, before and after the text.
const EXECUTED: [&str; 4] = [
    "SQL statement \"",
    "SQL expression \"",
    "PL/pgSQL expression \"",
    "PL/pgSQL assignment \"",
];

/// Where the statement `text` stands; none where the context names no function of its own for it.
pub(super) fn within(context: &str, text: &str) -> Option<Within> {
    let rest = behind_the_statement(context, text);
    let line = rest.lines().next()?;
    // What comes next is a statement again: PostgreSQL executes the inner one for it.
    if EXECUTED.iter().any(|start| line.starts_with(start)) {
        return None;
    }
    Some(
        in_sql(line)
            .or_else(|| in_a_language(line))
            .unwrap_or_else(|| Within {
                function: line.to_owned(),
                line: None,
                statement: None,
            }),
    )
}

/// The context without what it says of the statement itself, whose text may hold anything, lines that look like a context included.
fn behind_the_statement<'c>(context: &'c str, text: &str) -> &'c str {
    EXECUTED
        .iter()
        .find_map(|start| {
            let rest = context.strip_prefix(start)?.strip_prefix(text)?;
            let rest = rest.strip_prefix('"')?;
            Some(rest.strip_prefix('\n').unwrap_or(rest))
        })
        .unwrap_or(context)
}

/// `SQL function "complete_job" statement 2`.
fn in_sql(line: &str) -> Option<Within> {
    let rest = line.strip_prefix("SQL function \"")?;
    let (function, rest) = rest.rsplit_once('"')?;
    let statement = rest.strip_prefix(" statement ");
    Some(Within {
        function: function.to_owned(),
        line: None,
        statement: statement.and_then(|number| number.parse().ok()),
    })
}

/// `PL/pgSQL function complete_job(bigint) line 3 at SQL statement`, and other languages that say it like this.
fn in_a_language(line: &str) -> Option<Within> {
    let (_, rest) = line.split_once(" function ")?;
    let numbered = rest.rsplit_once(" line ").and_then(|(function, rest)| {
        let digits = rest.split(' ').next().unwrap_or_default();
        Some((function, digits.parse().ok()?))
    });
    let (function, line) = match numbered {
        Some((function, line)) => (function, Some(line)),
        None => (rest, None),
    };
    let unquoted = function
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    Some(Within {
        function: unquoted.unwrap_or(function).to_owned(),
        line,
        statement: None,
    })
}

/// The statement itself: of a function in SQL auto_explain prints the whole body.
pub(super) fn own_text<'t>(text: &'t str, within: Option<&Within>) -> &'t str {
    let number = within.and_then(|within| within.statement);
    let number = number.and_then(|number| usize::try_from(number.checked_sub(1)?).ok());
    let range = number.and_then(|number| statements(text).into_iter().nth(number));
    range.map_or(text, |range| &text[range]).trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(context: &str, text: &str) -> Option<(String, Option<u64>, Option<u64>)> {
        within(context, text).map(|within| (within.function, within.line, within.statement))
    }

    #[test]
    fn the_innermost_function_is_named() {
        let context = "SQL statement \"insert into log values (new.id)\"\nPL/pgSQL function note() line 1 at SQL statement\n\
                       SQL function \"two\" statement 1\nSQL statement \"SELECT two(i)\"\nPL/pgSQL function outer_one(integer) line 5 at PERFORM";
        assert_eq!(
            found(context, "insert into log values (new.id)"),
            Some(("note()".to_owned(), Some(1), None))
        );
        assert_eq!(
            found(
                "SQL function \"two\" statement 2\nSQL statement \"SELECT two(i)\"",
                "a; b"
            ),
            Some(("two".to_owned(), None, Some(2)))
        );
    }

    #[test]
    fn what_a_loop_or_an_expression_executes_is_named_too() {
        for context in [
            "PL/pgSQL function f(integer) line 4 at FOR over SELECT rows",
            "SQL expression \"a\"\nPL/pgSQL function f(integer) line 4 at IF",
            "PL/pgSQL expression \"a\"\nPL/pgSQL function f(integer) line 4 at RETURN",
            "PL/pgSQL assignment \"a\"\nPL/pgSQL function f(integer) line 4 at assignment",
        ] {
            let expected = Some(("f(integer)".to_owned(), Some(4), None));
            assert_eq!(found(context, "a"), expected, "{context}");
        }
        let python = "PL/Python function \"work\"";
        assert_eq!(found(python, "a"), Some(("work".to_owned(), None, None)));
        assert_eq!(
            found("something else", "a"),
            Some(("something else".to_owned(), None, None))
        );
    }

    #[test]
    fn a_text_cannot_pretend_to_stand_elsewhere() {
        let text = "select 'a\nPL/pgSQL function evil() line 3 at SQL statement'";
        let context =
            format!("SQL statement \"{text}\"\nPL/pgSQL function good() line 6 at EXECUTE");
        assert_eq!(
            found(&context, text),
            Some(("good()".to_owned(), Some(6), None))
        );
        let odd = "PL/pgSQL function \"a line 7 at\"(text) line 2 at SQL statement";
        let expected = ("\"a line 7 at\"(text)".to_owned(), Some(2), None);
        assert_eq!(found(odd, "x"), Some(expected));
    }

    #[test]
    fn a_foreign_key_stands_in_no_function() {
        let key = "SELECT 1 FROM ONLY \"public\".\"job\" x WHERE \"id\" = $1 FOR KEY SHARE OF x";
        for outer in [
            "",
            "\nSQL statement \"insert into dep values (i)\"\nPL/pgSQL function plain(integer) line 2 at SQL statement",
        ] {
            let context = format!("SQL statement \"{key}\"{outer}");
            assert_eq!(found(&context, key), None);
        }
        assert_eq!(found("", key), None);
    }

    #[test]
    fn of_a_body_the_statement_is_shown() {
        let body = " -- hey ; there\nupdate job set n = 1;  /* x; */ delete from job ";
        let at = |statement| Within {
            function: "two".to_owned(),
            line: None,
            statement,
        };
        assert_eq!(own_text(body, Some(&at(Some(2)))), "delete from job");
        assert_eq!(own_text(body, Some(&at(Some(1)))), "update job set n = 1");
        for other in [Some(0), Some(3), None] {
            assert_eq!(own_text(body, Some(&at(other))), body.trim());
        }
        assert_eq!(own_text("", Some(&at(Some(1)))), "");
    }
}
