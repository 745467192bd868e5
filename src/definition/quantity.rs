//! Durations and sizes as text: `10ms`, `1.5s`, `2min`, `1h`; `8kB`, `1MB`, where kB is 1024 bytes as in PostgreSQL.

use std::fmt;
use std::time::Duration;

use serde::Deserializer;
use serde::de::{Error, Visitor};

/// Units of time with their length in nanoseconds, from the shortest.
pub(super) const TIMES: [(&str, u64); 6] = [
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("min", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

/// Units of size with their length in bytes, from the smallest.
pub(super) const SIZES: [(&str, u64); 5] = [
    ("B", 1),
    ("kB", 1 << 10),
    ("MB", 1 << 20),
    ("GB", 1 << 30),
    ("TB", 1 << 40),
];

/// Longer than any run.
const LONGEST: Duration = Duration::from_secs(30 * 86_400);

/// Reads a duration such as `10ms`; a bare `0` needs no unit.
///
/// # Errors
/// What is wrong and what to write, as `reason; help`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let example = "write a number and us, ms, s, min, h or d: `10ms`, `1.5s`";
    let nanoseconds =
        amount(text, &TIMES).ok_or_else(|| format!("`{text}` is not a duration; {example}"))?;
    if nanoseconds > LONGEST.as_nanos() as f64 {
        return Err(format!("`{text}` is too long; write at most `30d`"));
    }
    // Rounded to whole nanoseconds and below 2^53 of them.
    Ok(Duration::from_nanos(nanoseconds.round() as u64))
}

/// Reads a size such as `1MB`, in bytes; a bare `0` needs no unit.
///
/// # Errors
/// What is wrong and what to write, as `reason; help`.
pub fn size(text: &str) -> Result<u64, String> {
    let example = "write a number and B, kB, MB, GB or TB: `8kB`, `1MB`";
    let bytes = amount(text, &SIZES).ok_or_else(|| format!("`{text}` is not a size; {example}"))?;
    if bytes > (1_u64 << 50) as f64 {
        return Err(format!("`{text}` is too much; write at most `1024TB`"));
    }
    // Whole bytes, far below 2^53 of them.
    Ok(bytes.round() as u64)
}

/// A number with one of these units, in what the units count; none where it is not one.
fn amount(text: &str, units: &[(&str, u64)]) -> Option<f64> {
    let (number, unit) = split(text)?;
    if unit.is_empty() {
        return (number == 0.0).then_some(0.0);
    }
    let (_, length) = units.iter().find(|(name, _)| *name == unit)?;
    (number >= 0.0).then_some(number * *length as f64)
}

/// A number and what follows it. Digits may have underscores between them, as in TOML.
pub(super) fn split(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    let numeric = |character: char| character.is_ascii_digit() || "._-".contains(character);
    let end = text
        .find(|character| !numeric(character))
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number: f64 = number.replace('_', "").parse().ok()?;
    number.is_finite().then_some((number, unit.trim_start()))
}

/// A duration in the largest unit of which it is a whole number, as [`duration`] reads it.
#[must_use]
pub fn written_duration(duration: Duration) -> String {
    let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    // Whole hours are better said so than as days.
    match whole(nanoseconds, &TIMES[..5]) {
        Some(text) => text,
        None => format!("{}us", nanoseconds as f64 / 1e3),
    }
}

/// A size in the largest unit of which it is a whole number, as [`size`] reads it.
#[must_use]
pub fn written_size(bytes: u64) -> String {
    whole(bytes, &SIZES).unwrap_or_default()
}

fn whole(amount: u64, units: &[(&str, u64)]) -> Option<String> {
    if amount == 0 {
        return Some("0".to_owned());
    }
    let mut fitting = units.iter().rev();
    let (name, length) = fitting.find(|(_, length)| amount.is_multiple_of(*length))?;
    Some(format!("{}{name}", amount / length))
}

/// The value of a key that is a duration.
pub(super) fn duration_key<'de, D: Deserializer<'de>>(value: D) -> Result<Duration, D::Error> {
    value.deserialize_any(Text {
        expected: "a duration such as \"10ms\"",
        read: duration,
        of_number: |_| None,
    })
}

/// The value of a key that is a duration and may be absent.
pub(super) fn optional_duration_key<'de, D: Deserializer<'de>>(
    value: D,
) -> Result<Option<Duration>, D::Error> {
    duration_key(value).map(Some)
}

/// The value of a key that is a size: text, or a number of bytes.
pub(super) fn size_key<'de, D: Deserializer<'de>>(value: D) -> Result<u64, D::Error> {
    value.deserialize_any(Text {
        expected: "a size such as \"1MB\"",
        read: size,
        of_number: Some,
    })
}

/// Reads a quantity from what stands behind a key.
struct Text<T> {
    expected: &'static str,
    read: fn(&str) -> Result<T, String>,
    /// What a bare number stands for, if anything.
    of_number: fn(u64) -> Option<T>,
}

impl<T> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.expected)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        (self.read)(text).map_err(E::custom)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        let value = u64::try_from(number).ok().and_then(self.of_number);
        value.ok_or_else(|| E::invalid_type(serde::de::Unexpected::Signed(number), &self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_written() {
        let cases = [
            ("0", 0),
            ("250us", 250_000),
            ("10ms", 10_000_000),
            ("1500ms", 1_500_000_000),
            ("90s", 90_000_000_000),
            ("2min", 120_000_000_000),
            ("1h", 3_600_000_000_000),
        ];
        for (text, nanoseconds) in cases {
            let read = duration(text).unwrap();
            assert_eq!(read, Duration::from_nanos(nanoseconds), "{text}");
            assert_eq!(duration(&written_duration(read)), Ok(read), "{text}");
        }
        assert_eq!(duration("1.5s"), duration("1_500 ms"));
        assert_eq!(written_duration(Duration::from_millis(1500)), "1500ms");
        assert_eq!(written_duration(Duration::from_secs(86_400)), "24h");
        assert_eq!(written_duration(Duration::from_nanos(1_500)), "1.5us");
    }

    #[test]
    fn sizes_are_read_and_written() {
        for (text, bytes) in [
            ("0", 0),
            ("100B", 100),
            ("8kB", 8192),
            ("1MB", 1 << 20),
            ("2TB", 2 << 40),
        ] {
            assert_eq!(size(text), Ok(bytes));
            assert_eq!(written_size(bytes), text);
        }
        assert_eq!(size("1.5kB"), Ok(1536));
    }

    #[test]
    fn what_is_no_quantity_is_refused_with_an_example() {
        for text in ["", "10", "ms", "-1s", "1 parsec", "1e3s", "NaNs", "1.2.3s"] {
            let message = duration(text).unwrap_err();
            assert!(message.ends_with("`10ms`, `1.5s`"), "{message}");
        }
        assert!(duration("31d").unwrap_err().contains("too long"));
        for text in ["10", "1 kb", "-1kB", "1KB"] {
            let message = size(text).unwrap_err();
            assert!(message.ends_with("`8kB`, `1MB`"), "{message}");
        }
        assert!(size("1025TB").unwrap_err().contains("too much"));
    }
}
