//! What stands around a message: when it was logged, and the query's identifier.

use super::entry::{Entry, Form};

/// The least digits by which a number in a prefix is taken for `%Q`: one query identifier in a million has fewer, and process
/// numbers, ports, transaction numbers and seconds since 1970 have no more than ten.
const FEWEST_DIGITS: usize = 13;

/// The column `query_id` of csvlog (from 14), counted from the one behind the message.
const QUERY_ID_COLUMN: usize = 12;

/// The time of an entry as the log has it: the first date with a time (`%t`, `%m`, the column, the key), else seconds since 1970
/// (`%n`).
pub(super) fn time(entry: &Entry<'_>) -> Option<String> {
    let text = entry.before;
    let starts = || (0..text.len()).filter(|at| begins_number(text, *at));
    let found = starts()
        .find_map(|at| date_and_time(text.get(at..)?))
        .or_else(|| starts().find_map(|at| seconds_since_1970(text.get(at..)?)))?;
    Some(String::from_utf8_lossy(found).into_owned())
}

/// The query's identifier; none where it is not told or was not computed. Of a statement inside a function it is the identifier of
/// the statement that called the function: the server tells no other here.
pub(super) fn query_id(entry: &Entry<'_>, form: Form) -> Option<i64> {
    let id = match form {
        Form::Stderr => id_in_prefix(entry.before),
        Form::Csv => id_in_column(entry.after),
        Form::Json => id_in_key(entry.after),
    };
    id.filter(|id| *id != 0)
}

fn begins_number(text: &[u8], at: usize) -> bool {
    let is_digit = |at: usize| text.get(at).is_some_and(u8::is_ascii_digit);
    is_digit(at) && !at.checked_sub(1).is_some_and(is_digit)
}

/// `2026-03-01 12:00:00.123 UTC`: fraction and zone may be missing.
fn date_and_time(text: &[u8]) -> Option<&[u8]> {
    const PATTERN: &[u8] = b"dddd-dd-dd dd:dd:dd";
    let fits = |(byte, wanted): (&u8, &u8)| match wanted {
        b'd' => byte.is_ascii_digit(),
        b' ' => matches!(byte, b' ' | b'T'),
        wanted => byte == wanted,
    };
    let head = text.get(..PATTERN.len())?;
    if !head.iter().zip(PATTERN).all(fits) {
        return None;
    }
    let fraction = fraction(text.get(PATTERN.len()..)?);
    let length = PATTERN.len() + fraction;
    let zone = zone(text.get(length..)?);
    text.get(..length + zone)
}

/// The length of `.123`.
fn fraction(text: &[u8]) -> usize {
    match text.strip_prefix(b".") {
        Some(rest) => 1 + digits(rest),
        None => 0,
    }
}

/// The length of ` UTC` or ` +0330`.
fn zone(text: &[u8]) -> usize {
    let Some(name) = text.strip_prefix(b" ") else {
        return 0;
    };
    let length = match name {
        [b'+' | b'-', rest @ ..] => 1 + digits(rest),
        _ => name
            .iter()
            .take_while(|byte| byte.is_ascii_alphabetic())
            .count(),
    };
    // More is another word, and before a colon stands the severity.
    let is_zone = (2..=6).contains(&length) && name.get(length) != Some(&b':');
    if is_zone { 1 + length } else { 0 }
}

/// `1772366400.123`.
fn seconds_since_1970(text: &[u8]) -> Option<&[u8]> {
    let fraction = fraction(text.get(10..)?);
    (digits(text) == 10 && fraction == 4)
        .then(|| text.get(..14))
        .flatten()
}

fn digits(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// A number by itself with as many digits as only a query identifier has.
fn id_in_prefix(prefix: &[u8]) -> Option<i64> {
    (0..prefix.len())
        .filter(|at| begins_number(prefix, *at))
        .find_map(|at| {
            let length = digits(prefix.get(at..)?);
            let before = prefix.get(..at)?;
            // A hyphen behind a word or a bracket is one of the prefix, not a sign.
            let is_negative = before.strip_suffix(b"-").is_some_and(|rest| {
                !rest
                    .last()
                    .is_some_and(|byte| is_part(*byte) || *byte == b']')
            });
            let part_of_more = before.last().is_some_and(|byte| is_part(*byte))
                || prefix.get(at + length).is_some_and(|byte| is_part(*byte));
            if length < FEWEST_DIGITS || part_of_more {
                return None;
            }
            number(prefix.get(at - usize::from(is_negative)..at + length)?)
        })
}

/// Whether a number next to this byte is part of something else: a name, a session `65f0a1b2.1c3`, a virtual transaction `3/14`.
fn is_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'/' | b'_' | b':') || byte >= 0x80
}

fn number(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok()?.trim().parse().ok()
}

/// The columns behind the message, of which some are quoted.
fn id_in_column(after: &[u8]) -> Option<i64> {
    let (mut column, mut start, mut quoted) = (0, 0, false);
    for (at, byte) in after.iter().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b',' | b'\n' if !quoted => {
                // The first column begins behind the first comma.
                if column == QUERY_ID_COLUMN {
                    return number(after.get(start..at)?);
                }
                column += 1;
                start = at + 1;
            }
            _ => {}
        }
    }
    if column == QUERY_ID_COLUMN {
        number(after.get(start..)?)
    } else {
        None
    }
}

/// In JSON a quote inside a text is escaped: this key is no part of one.
fn id_in_key(after: &[u8]) -> Option<i64> {
    const KEY: &[u8] = b"\"query_id\":";
    let at = memchr::memmem::find(after, KEY)? + KEY.len();
    let value = after.get(at..)?;
    let length = value
        .iter()
        .take_while(|byte| byte.is_ascii_digit() || **byte == b'-')
        .count();
    number(value.get(..length)?)
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::super::entry::Body;
    use super::*;

    fn surrounded<'a>(before: &'a str, after: &'a str) -> Entry<'a> {
        Entry {
            before: before.as_bytes(),
            body: Body {
                text: Cow::Borrowed(b""),
                tabbed: true,
            },
            after: after.as_bytes(),
            end: 0,
        }
    }

    #[test]
    fn time_is_found_in_any_prefix() {
        for (prefix, expected) in [
            (
                "2026-03-01 12:00:00.123 UTC [42] LOG:  ",
                Some("2026-03-01 12:00:00.123 UTC"),
            ),
            (
                "[42] 2026-03-01 12:00:00 +0330 app=x LOG:  ",
                Some("2026-03-01 12:00:00 +0330"),
            ),
            ("2026-03-01T12:00:00 LOG:  ", Some("2026-03-01T12:00:00")),
            ("1772366400.123 [42] LOG:  ", Some("1772366400.123")),
            ("42 1772366400 LOG:  ", None),
            ("LOG:  ", None),
            ("12026-03-01 12:00:00 LOG:  ", None),
            (
                "{\"timestamp\":\"2026-03-01 12:00:00.123 CET\",\"pid\":4",
                Some("2026-03-01 12:00:00.123 CET"),
            ),
            (
                "2026-03-01 12:00:00.123 CET,\"me\",\"db\",42,\"[local]\"",
                Some("2026-03-01 12:00:00.123 CET"),
            ),
        ] {
            assert_eq!(
                time(&surrounded(prefix, "")).as_deref(),
                expected,
                "{prefix}"
            );
        }
    }

    #[test]
    fn query_identifiers_are_told_from_other_numbers() {
        for (prefix, expected) in [
            (
                "[42] -7904215365482117001 LOG:  ",
                Some(-7_904_215_365_482_117_001),
            ),
            (
                "2026-03-01 12:00:00.123 UTC,7904215365482117001,LOG:  ",
                Some(7_904_215_365_482_117_001),
            ),
            (
                "[42]-7904215365482117001 LOG:  ",
                Some(7_904_215_365_482_117_001),
            ),
            (
                "q=-7904215365482117001 LOG:  ",
                Some(-7_904_215_365_482_117_001),
            ),
            ("2026-03-01 12:00:00.123 UTC [42] 0 LOG:  ", None),
            (
                "1772366400.123 65f0a1b2.12345678901234 x1234567890123456 LOG:  ",
                None,
            ),
            ("99999999999999999999999 LOG:  ", None),
        ] {
            assert_eq!(
                query_id(&surrounded(prefix, ""), Form::Stderr),
                expected,
                "{prefix}"
            );
        }
        for (columns, expected) in [
            (
                ",,,,,,\"a,b\nc\"\"\",,,\"psql\",\"client backend\",,-12\n",
                Some(-12),
            ),
            (",,,,,,,,,\"psql\",\"client backend\",,0\n", None),
            (",,,,,,,,,\"psql\",\"client backend\"\n", None),
            (",,,,,,,,,\"psql\",\"client backend\",,77", Some(77)),
        ] {
            assert_eq!(
                query_id(&surrounded("", columns), Form::Csv),
                expected,
                "{columns}"
            );
        }
        for (keys, expected) in [
            (
                "\",\"application_name\":\"\\\"query_id\\\":1\",\"query_id\":-12}\n",
                Some(-12),
            ),
            ("\",\"query_id\":0}\n", None),
            ("\"}\n", None),
        ] {
            assert_eq!(
                query_id(&surrounded("", keys), Form::Json),
                expected,
                "{keys}"
            );
        }
    }
}
