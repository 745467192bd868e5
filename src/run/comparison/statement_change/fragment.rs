//! Pieces of SQL: split at commas, `and` and `or`, compared whatever their spacing and case, and shown in a line.

use crate::sql::part::Part;
use crate::sql::token::TokenKind;

/// Characters of a piece that are shown.
const SHOWN_CHARACTERS: usize = 100;

/// Characters in front of a difference that are shown where the beginning is not.
const SHOWN_BEFORE: usize = 30;

/// What a piece is split at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Separator {
    Comma,
    And,
    Or,
}

/// The pieces between separators, without those in parentheses or in a `case`; the `and` of a `between` separates nothing.
pub(super) fn split<'p, 'a>(parts: &'p [Part<'a>], separator: Separator) -> Vec<&'p [Part<'a>]> {
    let (mut depth, mut is_between, mut start) = (0_usize, false, 0);
    let mut pieces = Vec::new();
    for (at, part) in parts.iter().enumerate() {
        match part.kind {
            TokenKind::Open => depth += 1,
            TokenKind::Close => depth = depth.saturating_sub(1),
            _ if part.is_word("case") => depth += 1,
            _ if part.is_word("end") => depth = depth.saturating_sub(1),
            _ if depth > 0 => (),
            _ if part.is_word("between") => is_between = true,
            _ if is_between && part.is_word("and") => is_between = false,
            _ if separates(part, separator) => {
                pieces.push(&parts[start..at]);
                start = at + 1;
            }
            _ => (),
        }
    }
    pieces.push(&parts[start..]);
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

fn separates(part: &Part<'_>, separator: Separator) -> bool {
    match separator {
        Separator::Comma => part.kind == TokenKind::Comma,
        Separator::And => part.is_word("and"),
        Separator::Or => part.is_word("or"),
    }
}

/// The piece without parentheses that enclose all of it.
pub(super) fn without_parentheses<'p, 'a>(parts: &'p [Part<'a>]) -> &'p [Part<'a>] {
    let mut open = Vec::new();
    let mut closed_at = vec![0; parts.len()];
    for (at, part) in parts.iter().enumerate() {
        match part.kind {
            TokenKind::Open => open.push(at),
            TokenKind::Close => {
                if let Some(opened) = open.pop() {
                    closed_at[opened] = at;
                }
            }
            _ => (),
        }
    }
    let (mut start, mut end) = (0, parts.len());
    while start + 1 < end && parts[start].text == "(" && closed_at[start] == end - 1 {
        (start, end) = (start + 1, end - 1);
    }
    &parts[start..end]
}

/// What two pieces have in common that mean the same: no spacing, key words and names in lower case.
pub(super) fn key(parts: &[Part<'_>]) -> String {
    let mut key = String::new();
    let mut is_after_operator = false;
    for part in parts {
        let is_operator = part.kind == TokenKind::Operator;
        // `< =` is not `<=`.
        let goes_on = is_operator && is_after_operator && !part.spaced;
        if !goes_on && !key.is_empty() {
            key.push(' ');
        }
        match part.kind {
            TokenKind::Word => key.push_str(&part.text.to_ascii_lowercase()),
            _ => key.push_str(part.text),
        }
        is_after_operator = is_operator;
    }
    key
}

/// The piece with `id` for `job.id`; `job.*` stays.
pub(super) fn unqualified<'a>(parts: &[Part<'a>]) -> Vec<Part<'a>> {
    let is_dot = |at: usize| {
        parts
            .get(at)
            .is_some_and(|part| part.kind == TokenKind::Dot)
    };
    let mut kept = Vec::with_capacity(parts.len());
    let mut at = 0;
    while at < parts.len() {
        let names_column = parts.get(at + 2).is_some_and(Part::is_name);
        if parts[at].is_name() && is_dot(at + 1) && names_column {
            at += 2;
        } else {
            kept.push(parts[at]);
            at += 1;
        }
    }
    kept
}

/// The column or parameter a piece is about: its first name that is no function's, in lower case and without its relation.
pub(super) fn subject(parts: &[Part<'_>]) -> Option<String> {
    const OPERATORS: [&str; 5] = ["not", "exists", "case", "when", "null"];
    let parts = unqualified(parts);
    let is_function = |at: usize| parts.get(at + 1).is_some_and(|next| next.text == "(");
    let named = parts.iter().enumerate().find(|(at, part)| {
        let is_operator = OPERATORS.iter().any(|word| part.is_word(word));
        part.is_name() && !is_operator && !is_function(*at)
    });
    named.map(|(_, part)| key(&[*part]))
}

/// The piece in one line, as it is written; a long one is cut.
pub(super) fn shown(parts: &[Part<'_>]) -> String {
    cut(&line(parts))
}

fn line(parts: &[Part<'_>]) -> String {
    let mut line = String::new();
    let mut is_after_open = true;
    for part in parts {
        let is_closing = matches!(
            part.kind,
            TokenKind::Close | TokenKind::Comma | TokenKind::Dot
        );
        if part.spaced && !is_after_open && !is_closing {
            line.push(' ');
        }
        for character in part.text.chars() {
            // A line end within a string is part of it, and shown as such.
            if character != ' ' && (character.is_whitespace() || character.is_control()) {
                line.extend(character.escape_default());
            } else {
                line.push(character);
            }
        }
        is_after_open = part.kind == TokenKind::Open;
    }
    line
}

/// A text that is not longer than what is shown.
fn cut(line: &str) -> String {
    if line.chars().count() <= SHOWN_CHARACTERS {
        return line.to_owned();
    }
    let mut short: String = line.chars().take(SHOWN_CHARACTERS - 1).collect();
    short.push('…');
    short
}

/// Several pieces as a list in one line.
pub(super) fn listed(pieces: &[&[Part<'_>]]) -> String {
    let pieces: Vec<String> = pieces.iter().map(|piece| shown(piece)).collect();
    cut(&pieces.join(", "))
}

/// `a became b`; of long texts what is around the first difference.
pub(super) fn became(before: &[Part<'_>], after: &[Part<'_>]) -> String {
    let (before, after) = (line(before), line(after));
    let longest = before.chars().count().max(after.chars().count());
    let same = before
        .chars()
        .zip(after.chars())
        .take_while(|(one, other)| one == other);
    let start = match longest > SHOWN_CHARACTERS {
        true => same.count().saturating_sub(SHOWN_BEFORE),
        false => 0,
    };
    let from = |text: &str| {
        let rest: String = text.chars().skip(start).collect();
        let mark = if start > 0 { "…" } else { "" };
        cut(&format!("{mark}{rest}"))
    };
    format!("`{}` became `{}`", from(&before), from(&after))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::part::parts;

    fn pieces(text: &str, separator: Separator) -> Vec<String> {
        let parts = parts(text);
        split(&parts, separator).into_iter().map(shown).collect()
    }

    #[test]
    fn pieces_end_at_their_own_level() {
        assert_eq!(
            pieces(
                "a = 1 and (b and c) AND d between 1 and 2 and case when e and f then 1 end = 1",
                Separator::And
            ),
            [
                "a = 1",
                "(b and c)",
                "d between 1 and 2",
                "case when e and f then 1 end = 1"
            ]
        );
        assert_eq!(
            pieces("a, f(b, c), d[1,2]", Separator::Comma),
            ["a", "f(b, c)", "d[1,2]"]
        );
        assert_eq!(pieces("a and b or c", Separator::Or), ["a and b", "c"]);
        assert!(pieces("", Separator::Or).is_empty());
    }

    #[test]
    fn the_same_is_the_same_however_it_is_written() {
        let key_of = |text: &str| key(&parts(text));
        assert_eq!(key_of("State='ready'  -- so"), key_of("state = 'ready'"));
        assert_ne!(key_of("state = 'Ready'"), key_of("state = 'ready'"));
        assert_ne!(key_of("a < = b"), key_of("a <= b"));
        assert_eq!(
            key(&unqualified(&parts("job.id = x.id, job.*"))),
            key_of("id = id, job.*")
        );
        let enclosed = parts("((a) or (b))");
        assert_eq!(shown(without_parentheses(&enclosed)), "(a) or (b)");
        let apart = parts("(a) or (b)");
        assert_eq!(shown(without_parentheses(&apart)), "(a) or (b)");
    }

    #[test]
    fn a_piece_is_shown_in_a_line() {
        assert_eq!(
            shown(&parts("any(array(\n  'a\nb' , c\n))")),
            r"any(array('a\nb', c))"
        );
        assert_eq!(shown(&parts(&"x".repeat(200))).chars().count(), 100);
        assert_eq!(
            subject(&parts("not (lower(job.State) = 'a')")).as_deref(),
            Some("state")
        );
        assert_eq!(subject(&parts("1 = 1")), None);
    }
}
