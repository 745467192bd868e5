//! How many lines of a longer text belong to a plan that begins in its first.

use super::line::{self, Openness, begins, behind_arrow, column, is_header, key_and_value};
use super::{begins_plan, has_figures, statement};

/// The lines of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// How many lines it takes, blank ones between them included.
    pub lines: usize,
    /// Whether its last line has an open quote or bracket: the rest of it is missing.
    pub is_cut: bool,
}

/// The lines that belong to the plan whose topmost node is the first of these. It ends before the next plan's topmost node, and before
/// a line that is neither indented further nor one that PostgreSQL prints behind a plan.
pub fn extent<'a>(lines: impl IntoIterator<Item = &'a str>) -> Extent {
    let mut lines = lines.into_iter().enumerate();
    let Some((_, first)) = lines.next() else {
        return Extent {
            lines: 0,
            is_cut: false,
        };
    };
    let root = column(first);
    let mut open = Openness::default();
    open.read(first.trim());
    let mut taken = 1;
    // Behind the line whose quotes or brackets are open.
    let mut closed = 1;
    for (index, line) in lines {
        let text = line.trim();
        if text.is_empty() {
            continue;
        }
        let is_new = begins(text, open.is_quoted());
        let is_open = open.is_open() && !is_new;
        let is_next_plan = begins_plan(line) && column(line) <= root;
        if is_next_plan
            || begins_other_format(text)
            || !is_open && !belongs(text, column(line) > root, index > taken)
        {
            break;
        }
        if !is_open {
            open = Openness::default();
            closed = index + 1;
        }
        open.read(text);
        taken = index + 1;
    }
    // A quote that nothing closes has taken in what is not its own.
    let is_cut = open.is_open();
    Extent {
        lines: if is_cut { closed } else { taken },
        is_cut,
    }
}

/// Whether a line is of a plan in another format: the plan before it has lost its end.
fn begins_other_format(text: &str) -> bool {
    let beginnings = [
        "\"Plan\":",
        "\"Node Type\":",
        "{\"Plan\":",
        "[{\"Plan\":",
        "<explain",
        "- Plan:",
    ];
    beginnings.iter().any(|begin| text.starts_with(begin))
}

/// Whether a line is one of a plan, by what it says, whether it is indented further than the topmost node, and whether blank lines are
/// before it.
fn belongs(text: &str, is_indented: bool, is_apart: bool) -> bool {
    if behind_arrow(text).is_some() || statement::is_of_statement(text) {
        return true;
    }
    let Some((key, _)) = key_and_value(text) else {
        return is_indented && (!is_apart || has_figures(text) || is_header(text));
    };
    is_indented && !is_apart || line::is_known_key(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_ends_where_something_else_begins() {
        let root = "Seq Scan on t  (cost=0.00..1.00 rows=1 width=4)";
        for (rest, lines, is_cut) in [
            ("", 1, false),
            (
                "  Filter: (a = 1)\nPlanning Time: 1.000 ms\n\nExecution Time: 2.000 ms\nTime: 3 ms",
                5,
                false,
            ),
            ("  Filter: (a = 1)\n\nThat was slow: why", 2, false),
            ("\n  Filter: (a = 1)\n\n  Buffers: shared hit=1\n", 5, false),
            ("  Filter: ((a = 1) AND\n(b = 2))\nthe end", 3, false),
            ("  Filter: (a = 'x\n\ny')\nthe end", 4, false),
            ("  Filter: (a = 'x", 2, true),
            ("Seq Scan on u  (cost=0.00..1.00 rows=1 width=4)", 1, false),
            ("  Filter: (a = 'x\nand more\nand more", 2, true),
            ("  Filter: (a = 'x\n[\n{\n\"Plan\": 'y')", 2, true),
            ("(1 row)", 1, false),
            ("[{\"Plan\": {", 1, false),
        ] {
            let text = format!("{root}\n{rest}");
            assert_eq!(extent(text.lines()), Extent { lines, is_cut }, "{rest}");
        }
    }
}
