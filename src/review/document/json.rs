//! Where JSON begins and ends in a text, and what can be saved of half a document.

/// Reads brackets outside strings, byte by byte, over as many lines as come.
#[derive(Clone, Debug, Default)]
pub(super) struct Brackets {
    open: Vec<u8>,
    in_string: bool,
    escaped: bool,
}

/// What a text does to the brackets that were open before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reached {
    /// Brackets are still open.
    Open,
    /// The last one was closed; the document ends before this byte.
    End(usize),
    /// A bracket was closed that is not open: this is no JSON.
    Mismatch,
}

impl Brackets {
    /// Goes on with a text.
    pub(super) fn read(&mut self, text: &[u8]) -> Reached {
        for (at, byte) in text.iter().copied().enumerate() {
            if self.in_string {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_string = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' => self.open.push(b'}'),
                b'[' => self.open.push(b']'),
                b'}' | b']' => {
                    if self.open.pop() != Some(byte) {
                        return Reached::Mismatch;
                    }
                    if self.open.is_empty() {
                        return Reached::End(at + 1);
                    }
                }
                _ => {}
            }
        }
        Reached::Open
    }

    /// Whether a bracket is open.
    pub(super) fn is_open(&self) -> bool {
        !self.open.is_empty()
    }
}

/// Whether a text may be the beginning of a document: `{"`, `[{`, or a bracket that ends its line.
pub(super) fn may_begin(text: &str) -> bool {
    let text = text.trim();
    let Some(inner) = text.strip_prefix(['[', '{']).map(str::trim_start) else {
        return false;
    };
    let next = if text.starts_with('[') {
        ['{', '"']
    } else {
        ['"', '"']
    };
    inner.is_empty() || inner.starts_with(next) || super::table::without_mark(text).len() == 1
}

/// Half a document made whole: it is cut behind its last complete value, and what is open there is closed. None if nothing is complete.
pub(super) fn mended(text: &str) -> Option<String> {
    let mut brackets = Brackets::default();
    let mut whole: Option<(usize, usize)> = None;
    for (at, byte) in text.bytes().enumerate() {
        let reached = brackets.read(&[byte]);
        match (reached, byte) {
            (Reached::Mismatch, _) => break,
            (Reached::End(_), _) => return Some(text[..=at].to_owned()),
            (Reached::Open, b'}' | b']') if !brackets.in_string => {
                whole = Some((at + 1, brackets.open.len()));
            }
            (Reached::Open, b',') if !brackets.in_string => {
                whole = Some((at, brackets.open.len()));
            }
            _ => {}
        }
    }
    let (end, depth) = whole?;
    let mut mended = text[..end].to_owned();
    let closing = brackets.open.get(..depth)?.iter().rev();
    mended.extend(closing.map(|byte| char::from(*byte)));
    Some(mended)
}

/// Where each object of an array begins, in bytes; an object alone begins where it begins.
pub(super) fn beginnings(text: &str) -> Vec<usize> {
    let mut beginnings = Vec::new();
    let mut brackets = Brackets::default();
    let is_array = text.trim_start().starts_with('[');
    let depth = usize::from(is_array);
    for (at, byte) in text.bytes().enumerate() {
        if byte == b'{' && !brackets.in_string && brackets.open.len() == depth {
            beginnings.push(at);
        }
        brackets.read(&[byte]);
    }
    beginnings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_close_outside_strings() {
        let read = |text: &str| Brackets::default().read(text.as_bytes());
        assert_eq!(read("{\"a\": \"}\\\"}\"} rest"), Reached::End(13));
        assert_eq!(read("[{\"a\": 1}"), Reached::Open);
        assert_eq!(read("[}"), Reached::Mismatch);
    }

    #[test]
    fn a_document_begins_with_a_bracket_and_what_may_follow() {
        for text in [
            "[",
            "{",
            "[{\"Plan\"",
            "  { \"Plan\": {",
            "[       +",
            "[ \"Utility Statement\"]",
        ] {
            assert!(may_begin(text), "{text}");
        }
        for text in [
            "[link](to)",
            "{code}",
            "[ RECORD 1 ]",
            "",
            "x [",
            "{1}",
            "- [",
        ] {
            assert!(!may_begin(text), "{text}");
        }
    }

    #[test]
    fn half_a_document_is_cut_behind_what_is_complete() {
        for (half, expected) in [
            ("[{\"a\": 1, \"b\": [1, 2", Some("[{\"a\": 1, \"b\": [1]}]")),
            (
                "[{\"a\": \"é, ü\", \"b\": {\"c\": 1}, \"d",
                Some("[{\"a\": \"é, ü\", \"b\": {\"c\": 1}}]"),
            ),
            ("[{\"a\": 1}, {\"b", Some("[{\"a\": 1}]")),
            ("{\"a\": 1} x", Some("{\"a\": 1}")),
            ("[{\"a\": ", None),
            ("", None),
        ] {
            assert_eq!(mended(half).as_deref(), expected, "{half}");
        }
    }

    #[test]
    fn objects_of_an_array_begin_one_by_one() {
        assert_eq!(beginnings("[{\"a\": {}}, {\"{\": 1}]"), [1, 12]);
        assert_eq!(beginnings(" {\"a\": {}}"), [1]);
    }
}
