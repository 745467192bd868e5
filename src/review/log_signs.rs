//! Whether a file is a server's log, by its first bytes.

use memchr::memmem;

/// Words that PostgreSQL puts before a message; two blanks follow the colon.
const SEVERITIES: [&str; 9] = [
    "LOG:  ",
    "ERROR:  ",
    "WARNING:  ",
    "FATAL:  ",
    "PANIC:  ",
    "STATEMENT:  ",
    "DETAIL:  ",
    "CONTEXT:  ",
    "NOTICE:  ",
];

/// Fields of a line in csvlog up to the message.
const CSV_FIELDS: usize = 13;

/// Whether the first bytes of a file are those of a server's log: stderr with any prefix, csvlog or jsonlog. A document in which a piece
/// of a log stands between fences is none.
#[must_use]
pub fn looks_like_log(first: &[u8]) -> bool {
    let text = String::from_utf8_lossy(first);
    let is_document = text
        .lines()
        .any(|line| line.starts_with("```") || line.starts_with("~~~"));
    !is_document && text.lines().any(is_log_line)
}

fn is_log_line(line: &str) -> bool {
    is_stderr(line) || is_csv(line) || is_json(line)
}

/// `2026-11-21 09:13:04 UTC [123] LOG:  duration: …`. Without any prefix psql prints such lines too, but not those of severity LOG unless
/// it was asked to.
fn is_stderr(line: &str) -> bool {
    let by_psql = line.starts_with("psql:");
    let found = SEVERITIES.iter().any(|severity| {
        let at = memmem::find(line.as_bytes(), severity.as_bytes());
        at.is_some_and(|at| at > 0 && !line.starts_with(char::is_whitespace))
    });
    line.starts_with("LOG:  ") || found && !by_psql
}

/// `2026-11-21 09:13:04.123 UTC,"user","database",123,…`.
fn is_csv(line: &str) -> bool {
    let pattern = b"dddd-dd-dd dd:dd:dd";
    let bytes = line.as_bytes();
    let is_time = bytes.len() > pattern.len()
        && pattern.iter().zip(bytes).all(|(kind, byte)| match kind {
            b'd' => byte.is_ascii_digit(),
            other => other == byte,
        });
    is_time && memchr::memchr_iter(b',', bytes).count() >= CSV_FIELDS
}

/// `{"timestamp":"2026-11-21 09:13:04.123 UTC",…}`.
fn is_json(line: &str) -> bool {
    line.starts_with("{\"timestamp\":\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_are_told_from_documents() {
        for log in [
            "2026-11-21 09:13:04.123 UTC [123] LOG:  duration: 1.2 ms  plan:\n\tQuery Text: select 1\n",
            "\tgoes on\nuser@db,[12] ERROR:  relation \"x\" does not exist\n",
            "LOG:  duration: 3.000 ms  plan:\n",
            "2026-11-21 09:13:04.123 UTC,\"u\",\"d\",1,\"[local]\",65.1,1,\"SELECT\",2026-11-21 09:13:04 UTC,3/2,0,LOG,00000,\"m\",,,,,,,,,\"psql\",\"client backend\",,0\n",
            "{\"timestamp\":\"2026-11-21 09:13:04.123 UTC\",\"pid\":1,\"message\":\"duration: 1 ms\"}\n",
        ] {
            assert!(looks_like_log(log.as_bytes()), "{log}");
        }
        for document in [
            "[\n  {\n    \"Plan\": {\n",
            " QUERY PLAN\n------\n Seq Scan on t  (cost=0.00..1.00 rows=1 width=4)\n",
            "ERROR:  syntax error\nLINE 1: x\n        LOG:  indented\n",
            "psql:file.sql:1: ERROR:  syntax error\n",
            "2026-11-21 09:13:04 we saw this: a, b\n",
            "Look:\n```\n2026-11-21 UTC [1] LOG:  duration: 1 ms\n```\n",
            "",
        ] {
            assert!(!looks_like_log(document.as_bytes()), "{document}");
        }
        assert!(!looks_like_log(&[0xff, 0xfe, 0, 1, 2, 0x80]));
    }
}
