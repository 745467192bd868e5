//! A plan's outline without reading the plan: one pass over its lines that keeps what its shape is made of and skips every number.
//!
//! Two entries with the same structure have the same shape ([`PlanShape`](crate::plan::PlanShape)); the reverse need not be true, since
//! aliases are kept. So a structure is read in full once, and entries that have it again are counted by what the pass saw. A text
//! that is not laid out as the server does it has no sketch and is read in full. Of JSON the structure has all brackets, commas and kinds
//! of values, so that a text which is damaged has not the structure of one that is not.

use std::sync::LazyLock;

use memchr::memmem::Finder;
use memchr::{memchr, memchr2, memrchr};

use super::after_root::{NodePages, total};
use super::entry::Body;

static FIND_COST: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"  (cost="));
static FIND_FIGURES: LazyLock<[Finder<'static>; 3]> =
    LazyLock::new(|| ["(cost=", "(actual ", "(never executed)"].map(Finder::new));
static FIND_HASHED: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"hashed "));

/// Room for what a pass keeps, used again for the next entry.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// The lines that make the shape.
    pub(super) structure: Vec<u8>,
    /// The pages of the nodes, in preorder.
    pub(super) nodes: Vec<NodePages>,
}

/// What the pass saw, beside that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sketch<'a> {
    /// The query's text as it stands in the entry: with the escapes of JSON, or with the tabs of stderr.
    pub(super) query: &'a [u8],
    /// `Query Identifier` (with `auto_explain.log_verbose`).
    pub(super) query_identifier: Option<i64>,
    /// The pages of the root with all it called, `hit + read`; none where none were counted.
    pub(super) pages: Option<u64>,
}

/// Whether the plan is in JSON format.
pub(super) fn is_json(text: &[u8]) -> bool {
    text.trim_ascii_start().starts_with(b"{")
}

/// Makes the sketch of an entry's body; its structure and its nodes' pages are left in `scratch`. None if the text has another layout than
/// the server's.
pub(super) fn sketch<'a>(body: &'a Body<'_>, scratch: &mut Scratch) -> Option<Sketch<'a>> {
    scratch.structure.clear();
    scratch.nodes.clear();
    if is_json(&body.text) {
        JsonPass::new(scratch).run(body)
    } else {
        TextPass::new(scratch).run(body)
    }
}

/// Where the plan may begin in an entry in text format: lines with a cost, of which the first is the root's unless it is a part of the
/// query.
pub(super) fn root_lines(text: &[u8]) -> impl Iterator<Item = usize> {
    FIND_COST
        .find_iter(text)
        .map(|cost| memrchr(b'\n', text.get(..cost).unwrap_or_default()).map_or(0, |end| end + 1))
}

/// The query's text in front of the plan in text format, without the line of its parameters (from 16).
pub(super) fn query_in_text(head: &[u8]) -> &[u8] {
    const PARAMETERS: &[u8] = b"Query Parameters: ";
    let head = head.strip_prefix(b"\t").unwrap_or(head);
    let Some(query) = head.strip_prefix(b"Query Text: ") else {
        return &[];
    };
    let parameters = memchr::memmem::rfind_iter(query, PARAMETERS).find(|at| {
        let before = query.get(..*at).unwrap_or_default();
        before
            .strip_suffix(b"\t")
            .unwrap_or(before)
            .ends_with(b"\n")
    });
    query
        .get(..parameters.unwrap_or(query.len()))
        .unwrap_or_default()
        .trim_ascii_end()
}

/// The lines of a text with their indentation taken off.
struct Lines<'a> {
    rest: &'a [u8],
    tabbed: bool,
}

/// A line: how far it is indented, and what is on it.
struct Line<'a> {
    depth: usize,
    text: &'a [u8],
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    #[inline]
    fn next(&mut self) -> Option<Line<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let (line, rest) = match memchr(b'\n', self.rest) {
            Some(end) => (self.rest.get(..end)?, self.rest.get(end + 1..)?),
            None => (self.rest, [].as_slice()),
        };
        self.rest = rest;
        let line = if self.tabbed {
            line.strip_prefix(b"\t").unwrap_or(line)
        } else {
            line
        };
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let depth = line.iter().take_while(|byte| **byte == b' ').count();
        Some(Line {
            depth,
            text: line.get(depth..)?,
        })
    }
}

/// Keeps a line of the structure: how deep, what it is, and its text.
fn keep(structure: &mut Vec<u8>, depth: usize, what: u8, text: &[u8]) {
    structure.extend_from_slice(&(depth.min(0xffff) as u16).to_le_bytes());
    structure.push(what);
    structure.extend_from_slice(text);
    structure.push(b'\n');
}

/// Keeps that there is a condition, and which SubPlans it looks up in a hash table.
fn keep_condition(structure: &mut Vec<u8>, depth: usize, key: &[u8], text: &[u8]) {
    keep(structure, depth, b'?', key);
    for at in FIND_HASHED.find_iter(text) {
        let named = text.get(at..).unwrap_or_default();
        let end = memchr(b')', named).unwrap_or(named.len()).min(64);
        keep(structure, depth, b'#', named.get(..end).unwrap_or_default());
    }
}

/// Reads the digits a text begins with.
fn count(text: &[u8]) -> u64 {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |sum: u64, digit| {
        sum.saturating_mul(10)
            .saturating_add(u64::from(digit - b'0'))
    })
}

fn identifier(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text)
        .ok()?
        .trim_end_matches([',', '\r'])
        .parse()
        .ok()
}

/// In front of every node but the root.
const ARROW: &[u8] = b"->  ";

const BUFFERS: &[u8] = b"Buffers: ";

/// What the lines about the whole statement begin with.
const ABOUT_STATEMENT: &[&[u8]] = &[
    b"Planning",
    b"Execution Time:",
    b"JIT:",
    b"Trigger ",
    b"Settings:",
    b"Query Identifier:",
    b"Serialization:",
];

/// The pass over a plan in text format.
struct TextPass<'s> {
    scratch: &'s mut Scratch,
    /// How far the lines of the last node are indented, not those of its workers.
    own_depth: usize,
    has_pages: bool,
}

impl<'s> TextPass<'s> {
    fn new(scratch: &'s mut Scratch) -> Self {
        TextPass {
            scratch,
            own_depth: 0,
            has_pages: false,
        }
    }

    fn run<'a>(mut self, body: &'a Body<'_>) -> Option<Sketch<'a>> {
        let root = root_lines(&body.text).next()?;
        let (head, plan) = body.text.split_at_checked(root)?;
        let mut lines = Lines {
            rest: plan,
            tabbed: body.tabbed,
        };
        let first = lines.next().filter(|line| line.depth == 0)?;
        self.node(&first)?;
        let mut query_identifier = None;
        let mut in_plan = true;
        for line in lines {
            if line.depth == 0 {
                if !ABOUT_STATEMENT
                    .iter()
                    .any(|start| line.text.starts_with(start))
                {
                    return None;
                }
                in_plan = false;
                query_identifier = query_identifier
                    .or_else(|| identifier(line.text.strip_prefix(b"Query Identifier: ")?));
            } else if in_plan {
                self.line(&line)?;
            }
        }
        Some(Sketch {
            query: query_in_text(head),
            query_identifier,
            pages: self
                .scratch
                .nodes
                .first()
                .filter(|_| self.has_pages)
                .map(total),
        })
    }

    fn node(&mut self, line: &Line<'_>) -> Option<()> {
        let end = FIND_COST.find(line.text)?;
        let head = line.text.get(..end)?;
        let arrow = if head.starts_with(ARROW) {
            ARROW.len()
        } else {
            0
        };
        self.own_depth = line.depth + arrow + 2;
        self.scratch.nodes.push(NodePages::default());
        keep(&mut self.scratch.structure, line.depth, b'>', head);
        Some(())
    }

    #[inline]
    fn line(&mut self, line: &Line<'_>) -> Option<()> {
        let text = line.text;
        let structure = &mut self.scratch.structure;
        match text.first()? {
            b'-' if text.starts_with(ARROW) => return self.node(line),
            b'B' if text.starts_with(BUFFERS) => return self.buffers(line),
            b'C' | b'I' | b'S' if is_label(text) => keep(structure, line.depth, b'=', text),
            b'C' if text.starts_with(b"Conflict Resolution: ") => {
                keep(structure, line.depth, b'!', text)
            }
            b'A'..=b'Z' => {
                let key = text.get(..memchr(b':', text)?)?;
                if is_condition(key) {
                    keep_condition(structure, line.depth, key, text);
                }
            }
            _ => return None,
        }
        (memchr(b'(', text).is_none() || !has_figures(text)).then_some(())
    }

    /// Such as `shared hit=4 read=2 dirtied=1, local hit=3, temp read=1 written=1`.
    fn buffers(&mut self, line: &Line<'_>) -> Option<()> {
        self.has_pages = true;
        let own = line.depth == self.own_depth;
        let mut ignored = NodePages::default();
        let pages = self
            .scratch
            .nodes
            .last_mut()
            .filter(|_| own)
            .unwrap_or(&mut ignored);
        let [shared_hit, shared_read, local_hit, local_read] = pages;
        let (mut hit, mut read) = (None, None);
        for word in line.text.get(BUFFERS.len()..)?.split(|byte| *byte == b' ') {
            let word = word.strip_suffix(b",").unwrap_or(word);
            match word {
                b"shared" => (hit, read) = (Some(&mut *shared_hit), Some(&mut *shared_read)),
                b"local" => (hit, read) = (Some(&mut *local_hit), Some(&mut *local_read)),
                b"temp" => (hit, read) = (None, None),
                _ => {
                    let equals = memchr(b'=', word)?;
                    let number = whole_number(word.get(equals + 1..)?)?;
                    match word.get(..equals)? {
                        b"hit" => *hit.as_deref_mut()? = number,
                        b"read" => read.iter_mut().for_each(|read| **read = number),
                        b"dirtied" | b"written" => {}
                        _ => return None,
                    }
                }
            }
        }
        Some(())
    }
}

/// Whether a line has what only a node's has.
fn has_figures(text: &[u8]) -> bool {
    FIND_FIGURES.iter().any(|begin| begin.find(text).is_some())
}

/// A number of digits only.
fn whole_number(digits: &[u8]) -> Option<u64> {
    (!digits.is_empty() && digits.iter().all(u8::is_ascii_digit)).then(|| count(digits))
}

/// The line above a plan that is no input of the node it belongs to.
fn is_label(text: &[u8]) -> bool {
    text.starts_with(b"CTE ") || text.starts_with(b"InitPlan ") || text.starts_with(b"SubPlan ")
}

/// The conditions a shape knows; see [`crate::plan::Condition`].
fn is_condition(key: &[u8]) -> bool {
    matches!(
        key,
        b"Index Cond"
            | b"Order By"
            | b"Recheck Cond"
            | b"TID Cond"
            | b"Hash Cond"
            | b"Merge Cond"
            | b"Join Filter"
            | b"Filter"
            | b"One-Time Filter"
    )
}

/// The pass over a plan in JSON format.
struct JsonPass<'s> {
    scratch: &'s mut Scratch,
    /// How far the keys of the last node are indented, until it is closed.
    own_depth: Option<usize>,
    has_pages: bool,
}

impl<'s> JsonPass<'s> {
    fn new(scratch: &'s mut Scratch) -> Self {
        JsonPass {
            scratch,
            own_depth: None,
            has_pages: false,
        }
    }

    fn run<'a>(mut self, body: &'a Body<'_>) -> Option<Sketch<'a>> {
        let mut lines = Lines {
            rest: &body.text,
            tabbed: body.tabbed,
        };
        lines
            .next()
            .filter(|line| line.depth == 0 && line.text == b"{")?;
        let mut sketch = Sketch::default();
        let mut closed = false;
        for line in lines {
            if closed {
                return None;
            }
            let first = *line.text.first()?;
            match first {
                b'"' => self.key(&line, &mut sketch)?,
                b'}' if line.depth == 0 => closed = line.text == b"}",
                b'{' | b'}' | b'[' | b']' => {
                    let bracket = line.text.strip_suffix(b",").unwrap_or(line.text);
                    (bracket.len() == 1).then_some(())?;
                    if first == b'}' {
                        self.own_depth = self.own_depth.filter(|own| line.depth >= *own);
                    }
                    keep(&mut self.scratch.structure, line.depth, b'{', line.text);
                }
                _ => return None,
            }
        }
        let root = self.scratch.nodes.first()?;
        sketch.pages = self.has_pages.then(|| total(root));
        closed.then_some(sketch)
    }

    #[inline]
    fn key<'a>(&mut self, line: &Line<'a>, sketch: &mut Sketch<'a>) -> Option<()> {
        let text = line.text.get(1..)?;
        let end = memchr(b'"', text)?;
        let (key, rest) = text.split_at_checked(end)?;
        let value = rest.strip_prefix(b"\": ")?;
        let structure = &mut self.scratch.structure;
        structure.extend_from_slice(&[b':', key.len() as u8, kind(value)?]);
        match key {
            b"Node Type" => {
                self.own_depth = Some(line.depth);
                self.scratch.nodes.push(NodePages::default());
                keep(structure, line.depth, b'>', value);
            }
            b"Parent Relationship" => keep(structure, line.depth, b'R', value),
            b"Subplan Name" => keep(structure, line.depth, b'=', value),
            b"Operation" => keep(structure, line.depth, b'O', value),
            b"Strategy" => keep(structure, line.depth, b'S', value),
            b"Partial Mode" => keep(structure, line.depth, b'P', value),
            b"Join Type" => keep(structure, line.depth, b'J', value),
            b"Command" => keep(structure, line.depth, b'C', value),
            b"Scan Direction" => keep(structure, line.depth, b'D', value),
            b"Parallel Aware" => keep(structure, line.depth, b'A', value),
            b"Relation Name" => keep(structure, line.depth, b'r', value),
            b"Index Name" => keep(structure, line.depth, b'i', value),
            b"Function Name" => keep(structure, line.depth, b'f', value),
            b"CTE Name" => keep(structure, line.depth, b'c', value),
            b"Conflict Resolution" => keep(structure, line.depth, b'!', value),
            b"Shared Hit Blocks" => self.pages(line.depth, 0, value),
            b"Shared Read Blocks" => self.pages(line.depth, 1, value),
            b"Local Hit Blocks" => self.pages(line.depth, 2, value),
            b"Local Read Blocks" => self.pages(line.depth, 3, value),
            b"Query Text" => sketch.query = query_in_json(value)?,
            b"Query Identifier" => sketch.query_identifier = identifier(value),
            key if is_condition(key) => keep_condition(structure, line.depth, key, value),
            _ => {}
        }
        Some(())
    }

    /// Of a node; those of its workers and of planning stand elsewhere.
    fn pages(&mut self, depth: usize, kind: usize, value: &[u8]) {
        if self.own_depth != Some(depth) {
            return;
        }
        self.has_pages = true;
        let node = self.scratch.nodes.last_mut();
        if let Some(pages) = node.and_then(|node| node.get_mut(kind)) {
            *pages = count(value);
        }
    }
}

/// What kind of value stands behind a key, and whether a comma follows it: a lower-case letter then. None if it is none that the server
/// writes on one line, or one that has to be looked at more closely.
fn kind(line: &[u8]) -> Option<u8> {
    let (value, comma) = match line.strip_suffix(b",") {
        Some(value) => (value, 0x20),
        None => (line, 0),
    };
    let kind = match value {
        [b'"', rest @ ..] if is_text(rest) => b'T',
        b"true" | b"false" => b'B',
        b"{" | b"[" => b'O',
        b"{}" | b"[]" => b'E',
        [b'[', b'"', ..] => serde_json::from_slice::<Vec<String>>(value)
            .ok()
            .map(|_| b'L')?,
        [b'-', number @ ..] if is_number(number) => b'M',
        number if is_number(number) => b'N',
        _ => return None,
    };
    Some(kind | comma)
}

/// The rest of a text up to and with its closing quote, with no escapes but the usual ones.
fn is_text(rest: &[u8]) -> bool {
    let mut at = 0;
    while let Some(found) = rest.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        at += found;
        match rest.get(at..) {
            Some([b'"']) => return rest.iter().all(|byte| *byte >= 0x20),
            Some(
                [
                    b'\\',
                    b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't',
                    ..,
                ],
            ) => at += 2,
            _ => return false,
        }
    }
    false
}

/// `12` or `0.25`.
fn is_number(text: &[u8]) -> bool {
    let (whole, decimals) = match memchr(b'.', text) {
        Some(point) => (text.get(..point), text.get(point + 1..)),
        None => (Some(text), None),
    };
    let digits = |part: &[u8]| whole_number(part).is_some();
    let whole = whole
        .is_some_and(|whole| digits(whole) && (whole.len() == 1 || whole.first() != Some(&b'0')));
    whole && decimals.is_none_or(digits)
}

/// The text between the quotes.
fn query_in_json(value: &[u8]) -> Option<&[u8]> {
    let value = value.strip_suffix(b",").unwrap_or(value);
    value.strip_prefix(b"\"")?.strip_suffix(b"\"")
}
