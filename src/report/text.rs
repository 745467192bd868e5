//! Text of unknown origin on a terminal: made inert, measured, wrapped, cut.

use unicode_width::UnicodeWidthStr;

/// `text` in one line that a terminal shows as it is: what would move the cursor, start an escape sequence, change the
/// direction of writing or not be seen at all is spelled out, for example `\u{1b}`.
#[must_use]
pub fn inert(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            _ if acts_unseen(character) => shown.extend(character.escape_unicode()),
            _ => shown.push(character),
        }
    }
    shown
}

/// The lines of `text`, each inert.
#[must_use]
pub fn inert_lines(text: &str) -> Vec<String> {
    text.lines().map(inert).collect()
}

/// Controls, and the format characters of Unicode that hide, reorder or restyle what stands around them.
pub(super) fn acts_unseen(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(character, '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
        || matches!(character, '\u{e0000}'..='\u{e0fff}')
}

/// How many columns of a terminal `text` takes.
pub(super) fn width(text: &str) -> usize {
    text.width()
}

/// Breaks `text` into lines of at most `columns`: between words where possible, within a word that is longer than a line.
pub(super) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for (position, word) in text.split(' ').enumerate() {
        if position > 0 {
            if width(&line) + 1 + width(word) <= columns {
                line.push(' ');
            } else {
                lines.push(std::mem::take(&mut line));
            }
        }
        line.push_str(word);
        while width(&line) > columns {
            // One character at least, so that one that is wider than a line does not stop this for ever.
            let first = line.chars().next().map_or(0, char::len_utf8);
            let rest = line.split_off(fitting(&line, columns).max(first));
            lines.push(std::mem::replace(&mut line, rest));
        }
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

/// `text`, or its beginning and `…` where it takes more than `columns`.
pub(super) fn elide(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let kept = &text[..fitting(text, columns.saturating_sub(1))];
    format!("{}…", kept.trim_end())
}

/// `text`, or its beginning and its end around `…` where it takes more than `columns`: names often differ in their ends.
pub(super) fn elide_middle(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let kept = columns.saturating_sub(1);
    let start = fitting(text, kept.div_ceil(2));
    let starts = text.char_indices().rev().map(|(at, _)| at);
    let end = starts
        .take_while(|at| *at >= start && width(&text[*at..]) <= kept / 2)
        .last();
    format!("{}…{}", &text[..start], end.map_or("", |end| &text[end..]))
}

/// Bytes of the longest beginning of `text` that takes at most `columns`.
fn fitting(text: &str, columns: usize) -> usize {
    let mut longest = 0;
    for (start, character) in text.char_indices() {
        let end = start + character.len_utf8();
        if width(&text[..end]) > columns {
            break;
        }
        longest = end;
    }
    longest
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{elide, elide_middle, inert, inert_lines, width, wrap};

    #[test]
    fn what_acts_on_a_terminal_is_spelled_out() {
        assert_eq!(
            inert("a\u{1b}[31mb\r\n\tc\u{7}\u{9b}"),
            "a\\u{1b}[31mb\\r\\n\\tc\\u{7}\\u{9b}"
        );
        assert_eq!(
            inert("job\u{202e}kcats\u{200b}"),
            "job\\u{202e}kcats\\u{200b}"
        );
        assert_eq!(inert("Größe 日本 e\u{301}"), "Größe 日本 e\u{301}");
        assert_eq!(inert_lines("one\ntwo\u{0}\n"), ["one", "two\\u{0}"]);
    }

    #[test]
    fn lines_break_between_words() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefgh ij", 3), ["abc", "def", "gh", "ij"]);
        assert_eq!(wrap("", 5), [""]);
        assert_eq!(wrap("日本", 1), ["日", "本"]);
    }

    #[test]
    fn what_is_cut_says_so() {
        assert_eq!(elide("batch-100", 9), "batch-100");
        assert_eq!(elide("batch-100", 8), "batch-1…");
        assert_eq!(elide("one two", 5), "one…");
        assert_eq!(elide("日本", 2), "…");
        assert_eq!(
            elide_middle("Index Scan job_ready_idx", 24),
            "Index Scan job_ready_idx"
        );
        assert_eq!(elide_middle("Index Scan job_ready_idx", 12), "Index …y_idx");
        assert_eq!(elide_middle("日本日本", 4), "日…");
        assert_eq!(elide_middle("abc", 0), "…");
    }

    proptest! {
        #[test]
        fn nothing_is_wider_than_asked_and_nothing_is_lost(text in any::<String>(), columns in 2_usize..40) {
            let shown = inert(&text);
            let lines = wrap(&shown, columns);
            prop_assert!(lines.iter().all(|line| width(line) <= columns), "{lines:?}");
            prop_assert!(width(&elide(&shown, columns)) <= columns);
            prop_assert!(width(&elide_middle(&shown, columns)) <= columns);
            prop_assert_eq!(lines.concat().replace(' ', ""), shown.replace(' ', ""));
        }
    }
}
