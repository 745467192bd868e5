//! auto_explain's entries in the three forms a server log has: found by their message, taken apart.
//!
//! The message is `duration: 1.234 ms  plan:` and, on the lines after it, the plan. Everything else is found by looking: what
//! stands in front of it on its line is the prefix, whatever `log_line_prefix` says, and the severity, in whatever language.

use std::borrow::Cow;
use std::sync::LazyLock;

use memchr::memmem::{Finder, FinderRev};
use memchr::{memchr, memrchr};

/// The end of the message's first line, the same in every form and language: contrib modules are not translated.
const MARK: &[u8] = b" ms  plan:";

static FIND_MARK: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(MARK));
static FIND_LAST_MARK: LazyLock<FinderRev<'static>> = LazyLock::new(|| FinderRev::new(MARK));

/// How a log is written (`log_destination`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Lines with a prefix; further lines of a message begin with a tab.
    Stderr,
    /// Comma-separated values, the message in quotes over several lines.
    Csv,
    /// A JSON object a line (from 15).
    Json,
}

/// The line an entry begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Where its line begins.
    pub(super) start: usize,
    /// Where the mark ends.
    pub(super) mark_end: usize,
    /// What the statement took, in microseconds.
    pub(super) microseconds: u64,
    /// The form it has.
    pub(super) form: Form,
}

/// An entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    /// What stands in front of the message: prefix and severity, or the columns or keys before it.
    pub(super) before: &'a [u8],
    /// What was logged after the first line of the message.
    pub(super) body: Body<'a>,
    /// The columns or keys behind the message.
    pub(super) after: &'a [u8],
    /// Where the next line begins.
    pub(super) end: usize,
}

/// The query's text and the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Body<'a> {
    /// The text; escapes of CSV and JSON are resolved.
    pub(super) text: Cow<'a, [u8]>,
    /// Whether each line still begins with the tab that stderr has there.
    pub(super) tabbed: bool,
}

impl Body<'_> {
    /// The lines as the server made them, without the tabs.
    pub(super) fn plain(&self) -> String {
        let text = String::from_utf8_lossy(&self.text);
        if !self.tabbed {
            return text.into_owned();
        }
        let lines = text.split_inclusive('\n');
        lines
            .map(|line| line.strip_prefix('\t').unwrap_or(line))
            .collect()
    }
}

/// The first header from `from` on; of this form, if one is known.
pub(super) fn next_header(text: &[u8], from: usize, form: Option<Form>) -> Option<Header> {
    let mut at = from;
    while let Some(found) = text.get(at..).and_then(|rest| FIND_MARK.find(rest)) {
        let mark = at + found;
        if let Some(header) = header_at(text, mark, form) {
            return Some(header);
        }
        at = mark + MARK.len();
    }
    None
}

/// The last header.
pub(super) fn last_header(text: &[u8], form: Form) -> Option<Header> {
    let mut end = text.len();
    while let Some(mark) = text.get(..end).and_then(|rest| FIND_LAST_MARK.rfind(rest)) {
        if let Some(header) = header_at(text, mark, Some(form)) {
            return Some(header);
        }
        end = mark;
    }
    None
}

/// The header whose mark stands at `mark`, if it is one: the words may also stand in a query's text, or in another message.
fn header_at(text: &[u8], mark: usize, wanted: Option<Form>) -> Option<Header> {
    let head = text.get(..mark)?;
    let digits = head
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_digit() || **byte == b'.')
        .count();
    let (before, number) = head.split_at(mark - digits);
    let before = before.strip_suffix(b"duration: ")?;
    let form = [Form::Csv, Form::Json, Form::Stderr]
        .into_iter()
        .filter(|form| wanted.is_none_or(|wanted| wanted == *form))
        .find(|form| form.has_message_after(before))?;
    let start = memrchr(b'\n', before).map_or(0, |end| end + 1);
    let mark_end = mark + MARK.len();
    // A line that begins with a tab continues a message: a query that has these words in it.
    let continues = form == Form::Stderr && before.get(start) == Some(&b'\t');
    (!continues && form.ends_line(text.get(mark_end..)?)).then_some(Header {
        start,
        mark_end,
        microseconds: microseconds(number)?,
        form,
    })
}

impl Form {
    /// Whether a message begins behind these bytes. In CSV and JSON a quote inside a text is escaped, so these are no part of one.
    fn has_message_after(self, before: &[u8]) -> bool {
        match self {
            Form::Csv => before.ends_with(b",\""),
            Form::Json => before.ends_with(b"\"message\":\""),
            Form::Stderr => without_sqlstate(before).ends_with(b":  "),
        }
    }

    /// Whether a line of the message ends here.
    fn ends_line(self, rest: &[u8]) -> bool {
        match self {
            Form::Json => rest.starts_with(b"\\n") || rest.starts_with(b"\\r"),
            Form::Csv | Form::Stderr => {
                rest.is_empty() || rest.starts_with(b"\n") || rest.starts_with(b"\r\n")
            }
        }
    }
}

/// What is in front of `00000: `, which `log_error_verbosity = verbose` adds.
fn without_sqlstate(before: &[u8]) -> &[u8] {
    let Some((rest, state)) = before
        .strip_suffix(b": ")
        .and_then(|rest| rest.split_at_checked(rest.len().saturating_sub(5)))
    else {
        return before;
    };
    let is_state = state.len() == 5 && state.iter().all(u8::is_ascii_alphanumeric);
    if is_state { rest } else { before }
}

/// Milliseconds with up to three decimals, in microseconds; none if this is no such number.
fn microseconds(number: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(number).ok()?;
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let whole: u64 = whole.parse().ok()?;
    let thousandths: u64 = match decimals.get(..3).unwrap_or(decimals) {
        "" => 0,
        few => few
            .parse::<u64>()
            .ok()?
            .saturating_mul(10_u64.pow(3_u32.saturating_sub(few.len() as u32))),
    };
    Some(whole.saturating_mul(1_000).saturating_add(thousandths))
}

/// The entry a header begins. None if the text ends before it is seen to be over; `at_end` says that nothing comes after the text.
pub(super) fn entry<'a>(text: &'a [u8], header: &Header, at_end: bool) -> Option<Entry<'a>> {
    match header.form {
        Form::Stderr => stderr_entry(text, header, at_end),
        Form::Csv => csv_entry(text, header, at_end),
        Form::Json => json_entry(text, header, at_end),
    }
}

/// Lines that begin with a tab, up to one that does not.
fn stderr_entry<'a>(text: &'a [u8], header: &Header, at_end: bool) -> Option<Entry<'a>> {
    let Some(first) = line_end(text, header.mark_end) else {
        return at_end.then(|| whole(text, header, text.len(), text.len(), true));
    };
    let mut end = first;
    while text.get(end) == Some(&b'\t') {
        end = line_end(text, end).unwrap_or(text.len());
    }
    (at_end || end < text.len()).then(|| whole(text, header, first, end, true))
}

fn whole<'a>(text: &'a [u8], header: &Header, body: usize, end: usize, tabbed: bool) -> Entry<'a> {
    Entry {
        before: text.get(header.start..header.mark_end).unwrap_or_default(),
        body: Body {
            text: Cow::Borrowed(text.get(body..end).unwrap_or_default()),
            tabbed,
        },
        after: &[],
        end,
    }
}

/// Where the line after the one at `from` begins; none if no line end is seen.
fn line_end(text: &[u8], from: usize) -> Option<usize> {
    memchr(b'\n', text.get(from..)?).map(|length| from + length + 1)
}

/// A quoted column, in which quotes are doubled, and what follows it up to the end of the record.
fn csv_entry<'a>(text: &'a [u8], header: &Header, at_end: bool) -> Option<Entry<'a>> {
    // A record that is cut off ends where the next entry's begins: in a quoted column it could not stand so.
    let next = next_header(text, header.mark_end, Some(Form::Csv));
    let at_end = at_end || next.is_some();
    let text = text
        .get(..next.map_or(text.len(), |next| next.start))
        .unwrap_or_default();
    let first = line_end(text, header.mark_end).unwrap_or(text.len());
    let close = closing_quote(text, first);
    let after = close.map_or(text.len(), |close| close + 1);
    let mut end = after;
    loop {
        match text
            .get(end..)
            .and_then(|rest| memchr::memchr2(b'\n', b'"', rest))
        {
            Some(length) if text.get(end + length) == Some(&b'"') => {
                end = closing_quote(text, end + length + 1).map_or(text.len(), |close| close + 1);
            }
            Some(length) => {
                end += length + 1;
                break;
            }
            None if at_end => {
                end = text.len();
                break;
            }
            None => return None,
        }
    }
    let body = text
        .get(first..close.unwrap_or(text.len()))
        .unwrap_or_default();
    Some(Entry {
        before: text.get(header.start..header.mark_end).unwrap_or_default(),
        body: Body {
            text: undoubled(body),
            tabbed: false,
        },
        after: text.get(after..end).unwrap_or_default(),
        end,
    })
}

/// The quote that is not doubled.
fn closing_quote(text: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        let quote = at + memchr(b'"', text.get(at..)?)?;
        if text.get(quote + 1) != Some(&b'"') {
            return Some(quote);
        }
        at = quote + 2;
    }
}

/// Each two quotes made one.
fn undoubled(text: &[u8]) -> Cow<'_, [u8]> {
    let mut rest = text;
    let mut single = Vec::new();
    while let Some(quote) = memchr(b'"', rest) {
        let (until, behind) = rest.split_at(quote + 1);
        single.extend_from_slice(until);
        rest = behind.strip_prefix(b"\"").unwrap_or(behind);
    }
    if single.is_empty() {
        return Cow::Borrowed(text);
    }
    single.extend_from_slice(rest);
    Cow::Owned(single)
}

/// The rest of a JSON text, and the keys after it up to the end of the line.
fn json_entry<'a>(text: &'a [u8], header: &Header, at_end: bool) -> Option<Entry<'a>> {
    let end = match line_end(text, header.mark_end) {
        Some(end) => end,
        None if at_end => text.len(),
        None => return None,
    };
    let rest = text.get(header.mark_end..end).unwrap_or_default();
    let close = json_text_end(rest);
    let body = rest.get(..close).unwrap_or_default();
    Some(Entry {
        before: text.get(header.start..header.mark_end).unwrap_or_default(),
        body: Body {
            text: Cow::Owned(unescaped(body)),
            tabbed: false,
        },
        after: rest.get(close..).unwrap_or_default(),
        end,
    })
}

/// The length of a JSON text up to its closing quote.
fn json_text_end(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(found) = text
        .get(at..)
        .and_then(|rest| memchr::memchr2(b'"', b'\\', rest))
    {
        if text.get(at + found) == Some(&b'"') {
            return at + found;
        }
        at += found + 2;
    }
    text.len()
}

/// The text behind the escapes of JSON, without the line end it begins with. One that is cut off in the middle of an escape, or is no
/// JSON otherwise, is taken as it stands.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut quoted = Vec::with_capacity(text.len() + 2);
    quoted.push(b'"');
    quoted.extend_from_slice(text);
    quoted.push(b'"');
    let Ok(plain) = serde_json::from_slice::<String>(&quoted) else {
        return text.to_vec();
    };
    let plain = plain.trim_start_matches('\r');
    plain
        .strip_prefix('\n')
        .unwrap_or(plain)
        .as_bytes()
        .to_vec()
}
