//! Reads conditions as EXPLAIN and the catalogs print them: `((queue = 'mail'::text) AND (job.state = $1))`.
//!
//! No more than queues need: a conjunction of comparisons of a column with something. What is not of that form is left out.

use crate::sql::token::{TokenKind, tokens};

/// A comparison of a column with something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Comparison<'a> {
    /// The column, without relation or quotes.
    pub column: &'a str,
    /// The operator, for example `=` or `<=`.
    pub operator: &'a str,
    /// What it is compared with, as printed.
    pub value: &'a str,
}

impl Comparison<'_> {
    /// Whether one value of the column is asked for: `column = value`, not `= ANY`.
    #[must_use]
    pub fn is_equality(&self) -> bool {
        self.operator == "=" && !self.value.starts_with("ANY ")
    }

    /// Whether the value is a parameter (`$1`, `($1)::text`) rather than something the planner can look at.
    #[must_use]
    pub fn is_with_parameter(&self) -> bool {
        let value = self.value.trim_start_matches('(');
        value
            .strip_prefix('$')
            .is_some_and(|number| number.starts_with(|digit: char| digit.is_ascii_digit()))
    }
}

/// The parts of a condition that must all hold, without the parentheses around them.
#[must_use]
pub fn conjuncts(condition: &str) -> Vec<&str> {
    parts(condition, " AND ")
}

/// The sides of a condition of which one is enough, without the parentheses around them; the whole condition if it is no OR.
#[must_use]
pub fn alternatives(condition: &str) -> Vec<&str> {
    parts(condition, " OR ")
}

/// The parts of a condition that are an OR of several.
#[must_use]
pub fn disjunctions(condition: &str) -> Vec<&str> {
    conjuncts(condition)
        .into_iter()
        .filter(|part| alternatives(part).len() > 1)
        .collect()
}

/// Whether an expression names this column, in whatever case.
#[must_use]
pub fn names_column(expression: &str, column: &str) -> bool {
    let mut names = tokens(expression)
        .filter(|token| matches!(token.kind, TokenKind::Word | TokenKind::QuotedIdentifier));
    names.any(|name| {
        expression[name.span]
            .trim_matches('"')
            .eq_ignore_ascii_case(column)
    })
}

/// A condition taken apart at an operator that stands in no parentheses.
fn parts<'a>(condition: &'a str, operator: &str) -> Vec<&'a str> {
    let inner = strip_parentheses(condition);
    let mut parts = Vec::new();
    let mut from = 0;
    for at in top_level(inner) {
        if at >= from && inner[at..].starts_with(operator) {
            parts.push(strip_parentheses(&inner[from..at]));
            from = at + operator.len();
        }
    }
    parts.push(strip_parentheses(&inner[from..]));
    parts
}

/// The comparisons among the parts of a condition.
#[must_use]
pub fn comparisons(condition: &str) -> Vec<Comparison<'_>> {
    conjuncts(condition)
        .into_iter()
        .filter_map(comparison)
        .collect()
}

fn comparison(part: &str) -> Option<Comparison<'_>> {
    let blank = top_level(part).find(|at| part[*at..].starts_with(' '))?;
    let (left, rest) = (&part[..blank], &part[blank + 1..]);
    let (operator, value) = rest.split_once(' ')?;
    let is_operator = !operator.is_empty()
        && operator
            .chars()
            .all(|symbol| "<>=!~*@#%^&|-+/".contains(symbol));
    // A disjunction is no comparison, though it may begin with one.
    let is_simple = !top_level(value)
        .any(|at| value[at..].starts_with(" OR ") || value[at..].starts_with(" AND "));
    (is_operator && is_simple).then_some(Comparison {
        column: column_name(left)?,
        operator,
        value,
    })
}

/// `queue`, `job.queue`, `(queue)::text` and `"Queue"` as the bare name; none for any other expression.
#[must_use]
pub fn column_name(expression: &str) -> Option<&str> {
    let uncast = match expression
        .strip_prefix('(')
        .and_then(|rest| rest.split_once(")::"))
    {
        Some((inner, _)) => inner,
        None => expression,
    };
    let name = uncast.rsplit('.').next()?.trim_matches('"');
    let is_name = !name.is_empty()
        && name
            .chars()
            .all(|symbol| symbol.is_alphanumeric() || symbol == '_');
    (is_name && !name.starts_with(|symbol: char| symbol.is_ascii_digit())).then_some(name)
}

/// `text` without `alias.` in front of names, as people write conditions on one relation. What stands in quotes stays.
#[must_use]
pub fn without_alias(text: &str, alias: Option<&str>) -> String {
    let Some(alias) = alias.filter(|alias| !alias.is_empty()) else {
        return text.to_owned();
    };
    let is_word = |symbol: char| symbol.is_alphanumeric() || symbol == '_' || symbol == '.';
    let prefix = format!("{alias}.");
    let mut shown = String::with_capacity(text.len());
    let mut from = 0;
    for (at, _) in unquoted(text) {
        if at >= from && text[at..].starts_with(&prefix) && !text[..at].ends_with(is_word) {
            shown.push_str(&text[from..at]);
            from = at + prefix.len();
        }
    }
    shown + &text[from..]
}

/// A constant as EXPLAIN prints it, without the cast behind it: `'ready'::text` is `'ready'`.
#[must_use]
pub fn without_cast(value: &str) -> &str {
    match value.rsplit_once("::") {
        Some((constant, kind)) if !kind.contains(['\'', ')']) => constant,
        _ => value,
    }
}

/// `text` without an alias that PostgreSQL made up by counting (`job_1.state`), where it is the only one in it: one relation is meant.
#[must_use]
pub fn without_counted_alias(text: &str) -> String {
    let is_word = |symbol: char| symbol.is_alphanumeric() || symbol == '_';
    let mut aliases: Vec<&str> = Vec::new();
    for (at, _) in unquoted(text).filter(|(_, symbol)| *symbol == '.') {
        let word = text[..at].rsplit(|symbol| !is_word(symbol)).next();
        let word = word.unwrap_or_default();
        // Not the point of a number.
        if !word.starts_with(|symbol: char| symbol.is_ascii_digit()) && !aliases.contains(&word) {
            aliases.push(word);
        }
    }
    match aliases.as_slice() {
        [only] if is_counted(only) => without_alias(text, Some(only)),
        _ => text.to_owned(),
    }
}

/// Whether a name ends in a number, as aliases do that PostgreSQL makes up: `job_1`.
#[must_use]
pub fn is_counted(alias: &str) -> bool {
    alias.rsplit_once('_').is_some_and(|(name, number)| {
        !name.is_empty() && !number.is_empty() && number.chars().all(|digit| digit.is_ascii_digit())
    })
}

/// Types whose names are of several words.
const LONG_TYPES: [&str; 5] = [
    "timestamp with time zone",
    "timestamp without time zone",
    "time without time zone",
    "character varying",
    "double precision",
];

/// A condition without the casts behind its literals: `state = 'ready'::text` is `state = 'ready'`.
#[must_use]
pub fn without_casts(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut from = 0;
    for (at, _) in unquoted(text) {
        let is_cast = text[at..].starts_with("::") && text[..at].ends_with('\'');
        if at < from || !is_cast {
            continue;
        }
        let kind = &text[at + 2..];
        let long = LONG_TYPES.iter().find(|long| kind.starts_with(**long));
        let end = long.map_or_else(
            || {
                let end = kind.find(|symbol: char| !(symbol.is_alphanumeric() || symbol == '_'));
                end.unwrap_or(kind.len())
            },
            |long| long.len(),
        );
        let array = if kind[end..].starts_with("[]") { 2 } else { 0 };
        shown.push_str(&text[from..at]);
        from = at + 2 + end + array;
    }
    shown + &text[from..]
}

/// Removes the parentheses that enclose a whole text, however many.
fn strip_parentheses(text: &str) -> &str {
    let mut inner = text.trim();
    while let Some(candidate) = inner
        .strip_prefix('(')
        .and_then(|rest| rest.strip_suffix(')'))
    {
        // `(a) AND (b)` begins and ends with parentheses that do not belong together.
        if !is_balanced(candidate) {
            break;
        }
        inner = candidate.trim();
    }
    inner
}

fn is_balanced(text: &str) -> bool {
    let mut depth = 0_i64;
    for (_, symbol) in unquoted(text) {
        match symbol {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth < 0 {
            return false;
        }
    }
    depth == 0
}

/// The places of a text outside quotes and parentheses.
fn top_level(text: &str) -> impl Iterator<Item = usize> {
    let mut depth = 0_i64;
    unquoted(text).filter_map(move |(at, symbol)| {
        match symbol {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ if depth == 0 => return Some(at),
            _ => {}
        }
        None
    })
}

/// The characters of a text outside quotes, with their places.
fn unquoted(text: &str) -> impl Iterator<Item = (usize, char)> {
    let mut quote = None;
    text.char_indices().filter(move |(_, symbol)| match quote {
        Some(open) => {
            if *symbol == open {
                quote = None;
            }
            false
        }
        None if *symbol == '\'' || *symbol == '"' => {
            quote = Some(*symbol);
            false
        }
        None => true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_come_apart_at_and_outside_quotes_and_parentheses() {
        let found = comparisons(
            "((job.queue = 'a AND b'::text) AND ((state)::text = $1) AND (run_at <= now()) AND ((a = 1) OR (b = 2)))",
        );
        let expected = [
            ("queue", "=", "'a AND b'::text"),
            ("state", "=", "$1"),
            ("run_at", "<=", "now()"),
        ];
        assert_eq!(
            found
                .iter()
                .map(|part| (part.column, part.operator, part.value))
                .collect::<Vec<_>>(),
            expected
        );
        assert!(
            found[1].is_with_parameter()
                && !found[0].is_with_parameter()
                && !found[2].is_with_parameter()
        );
    }

    #[test]
    fn a_list_is_no_equality_and_a_disjunction_no_comparison() {
        assert!(!comparisons("(id = ANY ($1))")[0].is_equality());
        assert_eq!(comparisons("((a = 1) OR (b = 2))"), []);
        assert_eq!(comparisons("(NOT locked)"), []);
        assert_eq!(comparisons("("), []);
        assert_eq!(comparisons("'ä ö"), []);
    }

    #[test]
    fn names_lose_their_alias_and_constants_their_cast() {
        assert_eq!(
            without_alias(
                "((job_1.queue = 'job_1.x'::text) AND (my_job_1.a = $4))",
                Some("job_1")
            ),
            "((queue = 'job_1.x'::text) AND (my_job_1.a = $4))"
        );
        assert_eq!(without_alias("(job.a = 1)", None), "(job.a = 1)");
        assert_eq!(without_cast("'ready'::text"), "'ready'");
        assert_eq!(without_cast("'a::b'"), "'a::b'");
        assert_eq!(without_cast("5"), "5");
    }

    #[test]
    fn what_postgresql_adds_is_left_off() {
        let found = "((job_1.queue = 'job_2.x'::text) AND (job_1.priority > 0.5))";
        assert_eq!(
            without_counted_alias(found),
            "((queue = 'job_2.x'::text) AND (priority > 0.5))"
        );
        for kept in ["(job.id = job_1.id)", "(j.id = 1)", "(\"j_1\".id = 1)", ""] {
            assert_eq!(without_counted_alias(kept), kept);
        }
        assert!(is_counted("job_12") && !is_counted("job") && !is_counted("job_a"));
        assert_eq!(
            without_casts(
                "((run_at <= '2021-01-01'::timestamp with time zone) AND (a = ANY ('{a::b}'::text[])) AND (b = $1::text))"
            ),
            "((run_at <= '2021-01-01') AND (a = ANY ('{a::b}')) AND (b = $1::text))"
        );
    }

    #[test]
    fn an_or_is_taken_apart_and_its_columns_are_named() {
        let condition = "((queue = 'a OR b'::text) AND ((state = 'ready'::text) OR ((state = 'failed'::text) AND (priority > 3))))";
        let found = disjunctions(condition);
        assert_eq!(
            found,
            ["(state = 'ready'::text) OR ((state = 'failed'::text) AND (priority > 3))"]
        );
        assert_eq!(
            alternatives(found[0]),
            [
                "state = 'ready'::text",
                "(state = 'failed'::text) AND (priority > 3)"
            ]
        );
        assert!(names_column(found[0], "priority") && !names_column(found[0], "queue"));
        assert!(!names_column("(note = 'priority'::text)", "priority"));
        assert_eq!(disjunctions("((a = 1) AND (b = 2))"), Vec::<&str>::new());
    }
}
