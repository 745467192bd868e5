//! The lines of a plan in text format: how far each is indented, what begins something, and what goes on with the line before.

use std::borrow::Cow;

/// A tab moves to the next multiple of this.
const TAB: usize = 8;

/// What stands before the name of a node; mail programs and web pages change it.
const ARROWS: [&str; 3] = ["->", "→", "-&gt;"];

/// Keys of the lines PostgreSQL prints. A line that begins with one goes on with nothing, whatever is open before it.
const KEYS: [&str; 72] = [
    "Batches",
    "Buckets",
    "Buffers",
    "Cache Key",
    "Cache Mode",
    "Conflict Arbiter Indexes",
    "Conflict Filter",
    "Conflict Resolution",
    "Conflicting Tuples",
    "Disabled",
    "Disk Usage",
    "Execution Time",
    "Execution time",
    "Filter",
    "Full-sort Groups",
    "Function Call",
    "Functions",
    "Group Key",
    "Hash Cond",
    "Hash Key",
    "Heap Blocks",
    "Heap Fetches",
    "Hits",
    "I/O Timings",
    "Index Cond",
    "Index Searches",
    "Inner Unique",
    "JIT",
    "Join Filter",
    "Memory",
    "Merge Cond",
    "One-Time Filter",
    "Options",
    "Order By",
    "Output",
    "Params Evaluated",
    "Peak Memory Usage",
    "Planned Partitions",
    "Planning",
    "Planning Time",
    "Planning time",
    "Pre-sorted Groups",
    "Presorted Key",
    "Query Identifier",
    "Query Parameters",
    "Recheck Cond",
    "Relations",
    "Remote SQL",
    "Repeatable Seed",
    "Rows Removed by Conflict Filter",
    "Rows Removed by Filter",
    "Rows Removed by Index Recheck",
    "Rows Removed by Join Filter",
    "Run Condition",
    "Sampling",
    "Serialization",
    "Settings",
    "Single Copy",
    "Sort Key",
    "Sort Method",
    "Sort Methods",
    "Storage",
    "Subplans Removed",
    "TID Cond",
    "Table Function Call",
    "Timing",
    "Tuples",
    "Tuples Inserted",
    "WAL",
    "Window",
    "Workers Launched",
    "Workers Planned",
];

/// A line with what was wrapped behind it, without the white space around.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// How far it is indented.
    pub(super) column: usize,
    /// The text.
    pub(super) text: Cow<'a, str>,
}

/// The lines of a text that are not blank. A line whose quotes or brackets are open takes in those behind it, until one begins something.
pub(super) fn lines(text: &str) -> Vec<Line<'_>> {
    let mut lines: Vec<Line<'_>> = Vec::new();
    let mut open = Openness::default();
    for physical in text.lines() {
        let trimmed = physical.trim();
        if trimmed.is_empty() {
            continue;
        }
        match lines.last_mut() {
            Some(last) if open.is_open() && !begins(trimmed, open.is_quoted()) => {
                let joint = if open.is_quoted() { '\n' } else { ' ' };
                let text = last.text.to_mut();
                text.push(joint);
                text.push_str(trimmed);
            }
            _ => {
                open = Openness::default();
                lines.push(Line {
                    column: column(physical),
                    text: Cow::Borrowed(trimmed),
                });
            }
        }
        open.read(trimmed);
    }
    lines
}

/// Columns of white space before a line's text.
pub(super) fn column(line: &str) -> usize {
    let mut column = 0_usize;
    for symbol in line.chars() {
        match symbol {
            '\t' => column = (column / TAB + 1) * TAB,
            symbol if symbol.is_whitespace() => column += 1,
            _ => break,
        }
    }
    column
}

/// The text behind the arrow of a node, if there is an arrow.
pub(super) fn behind_arrow(text: &str) -> Option<&str> {
    ARROWS
        .iter()
        .find_map(|arrow| text.strip_prefix(arrow))
        .map(str::trim_start)
}

/// Whether a node's figures are in the line: what was expected of it, or what it did.
pub(super) fn has_figures(text: &str) -> bool {
    has_costs(text)
        || text.contains("(never executed)")
        || ["(actual time=", "(actual rows="]
            .iter()
            .any(|begin| text.contains(begin))
}

/// Whether what was expected of a node is in the line, all of it: `(cost=0.00..1.04 rows=4 width=8)`.
pub(super) fn has_costs(text: &str) -> bool {
    let Some((_, rest)) = text.rsplit_once("(cost=") else {
        return false;
    };
    let Some((inside, _)) = rest.split_once(')') else {
        return false;
    };
    let mut words = inside.split(' ');
    let is_number = |word: Option<&str>, key: &str| {
        word.and_then(|word| word.strip_prefix(key))
            .is_some_and(|number| number.parse::<f64>().is_ok())
    };
    let is_range = words.next().is_some_and(|range| {
        range
            .split_once("..")
            .is_some_and(|(from, to)| from.parse::<f64>().is_ok() && to.parse::<f64>().is_ok())
    });
    is_range && is_number(words.next(), "rows=") && is_number(words.next(), "width=")
}

/// Key and value of a `Key: value` line.
pub(super) fn key_and_value(text: &str) -> Option<(&str, &str)> {
    let colon = text.find(':')?;
    let (key, rest) = text.split_at(colon);
    let value = rest.get(1..)?;
    let is_key = key.starts_with(|first: char| first.is_ascii_uppercase())
        && key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b" /-_".contains(&byte));
    let is_separate = value.is_empty() || value.starts_with(char::is_whitespace);
    (is_key && is_separate).then_some((key, value.trim()))
}

/// Whether a line begins something new, though the one before has open brackets or, so `quoted`, an open quote.
pub(super) fn begins(text: &str, quoted: bool) -> bool {
    if has_costs(text) || begins_trigger(text) {
        return true;
    }
    if let Some((key, _)) = key_and_value(text)
        && (!quoted || is_known_key(key))
    {
        return true;
    }
    !quoted && (behind_arrow(text).is_some() || has_figures_alone(text) || is_header(text))
}

/// Whether PostgreSQL prints lines with this key.
pub(super) fn is_known_key(key: &str) -> bool {
    KEYS.binary_search(&key).is_ok()
}

/// A node's line without costs; the second half of a wrapped one begins with the bracket.
fn has_figures_alone(text: &str) -> bool {
    !text.starts_with('(') && has_figures(text)
}

/// Whether the line is `Trigger name on relation: time=0.1 calls=1`.
pub(super) fn begins_trigger(text: &str) -> bool {
    text.starts_with("Trigger ") && (text.contains(": time=") || text.contains(": calls="))
}

/// Whether the line stands above a node that is no input of its parent.
pub(super) fn is_header(text: &str) -> bool {
    let numbered = |word: &str| {
        text.strip_prefix(word).is_some_and(|rest| {
            rest.starts_with(|next: char| next.is_alphanumeric() || next == '_')
        })
    };
    numbered("InitPlan ")
        || numbered("SubPlan ")
        || text.starts_with("CTE ") && !text.starts_with("CTE Scan ")
}

/// What is open at the end of a text: a quote, or brackets.
#[derive(Default)]
pub(super) struct Openness {
    quote: Option<u8>,
    brackets: usize,
}

impl Openness {
    pub(super) fn read(&mut self, text: &str) {
        for byte in text.bytes() {
            match (self.quote, byte) {
                (Some(quote), byte) if quote == byte => self.quote = None,
                (Some(_), _) => {}
                (None, b'\'' | b'"') => self.quote = Some(byte),
                (None, b'(') => self.brackets = self.brackets.saturating_add(1),
                (None, b')') => self.brackets = self.brackets.saturating_sub(1),
                _ => {}
            }
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.quote.is_some() || self.brackets > 0
    }

    pub(super) fn is_quoted(&self) -> bool {
        self.quote.is_some()
    }
}

/// The parts of a list as PostgreSQL prints it: `a, f(b, c), 'x, y'` are three.
pub(super) fn items(list: &str) -> Vec<String> {
    let mut items = Vec::new();
    let (mut quote, mut brackets, mut from) = (None, 0_usize, 0_usize);
    for (at, byte) in list.bytes().enumerate() {
        match (quote, byte) {
            (Some(open), byte) if open == byte => quote = None,
            (Some(_), _) => {}
            (None, b'\'' | b'"') => quote = Some(byte),
            (None, b'(' | b'[' | b'{') => brackets = brackets.saturating_add(1),
            (None, b')' | b']' | b'}') => brackets = brackets.saturating_sub(1),
            (None, b',') if brackets == 0 => {
                items.push(list[from..at].trim().to_owned());
                from = at + 1;
            }
            _ => {}
        }
    }
    let last = list[from..].trim();
    if !last.is_empty() {
        items.push(last.to_owned());
    }
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_are_sorted() {
        assert!(KEYS.is_sorted());
    }

    #[test]
    fn open_quotes_and_brackets_take_in_the_next_line_unless_it_begins_something() {
        let texts = |text| {
            let read = lines(text).into_iter();
            read.map(|line| line.text.into_owned()).collect::<Vec<_>>()
        };
        for (text, expected) in [
            (
                "Filter: (a = 'x\n  y'::text)\nBuffers: shared hit=1",
                vec!["Filter: (a = 'x\ny'::text)", "Buffers: shared hit=1"],
            ),
            (
                "Filter: (a = 'x\nNote: y'::text)",
                vec!["Filter: (a = 'x\nNote: y'::text)"],
            ),
            (
                "Filter: ((a = 1) AND\r\n     (b = 2))\r\nCustom Key: 1",
                vec!["Filter: ((a = 1) AND (b = 2))", "Custom Key: 1"],
            ),
            (
                "Seq Scan on job  (cost=0.00..1.00 rows=1 width=4) (actual time=0.1..0.2\nrows=1 loops=1)",
                vec![
                    "Seq Scan on job  (cost=0.00..1.00 rows=1 width=4) (actual time=0.1..0.2 rows=1 loops=1)",
                ],
            ),
            (
                "Filter: (a = 'cut off\n  ->  Seq Scan on t  (cost=0.00..1.00 rows=1 width=4)",
                vec![
                    "Filter: (a = 'cut off",
                    "->  Seq Scan on t  (cost=0.00..1.00 rows=1 width=4)",
                ],
            ),
            (
                "Filter: (a = 'cut off\nExecution Time: 1.000 ms",
                vec!["Filter: (a = 'cut off", "Execution Time: 1.000 ms"],
            ),
            (
                "Sort Key: (a\n\nCTE next\n->  Result",
                vec!["Sort Key: (a", "CTE next", "->  Result"],
            ),
        ] {
            assert_eq!(texts(text), expected, "{text}");
        }
    }

    #[test]
    fn lists_are_split_outside_quotes_and_brackets() {
        assert_eq!(items("a, f(b, c), 'x, ''y', \"p,q\", ARRAY[1, 2]").len(), 5);
        assert_eq!(items(""), Vec::<String>::new());
        assert_eq!(items("a)), b, 'c"), ["a))", "b", "'c"]);
    }

    #[test]
    fn columns_count_tabs_to_the_next_stop() {
        assert_eq!([column("\t x"), column("  \tx"), column("x")], [9, 8, 0]);
    }
}
