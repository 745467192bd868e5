//! Pages, rows, bytes, milliseconds: one `Display` each, used where people read (inside, the unit is in the name).
//!
//! Counts are exact and printed in full, grouped by thousands. Measured quantities keep three significant digits. A column of
//! a table takes one unit for all its cells: [`ByteUnit::of_column`] and [`TimeUnit::of_column`] choose it.

use std::fmt;

/// Printed in the place of a value that is not known.
pub const UNKNOWN: &str = "–";

/// A number of anything, for example `24,494`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Count(pub u64);

/// A number of pages, for example `24,494 pages`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pages(pub u64);

/// A number of rows, for example `1 row`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rows(pub u64);

/// A number of bytes in the largest unit that leaves at least one of it, for example `17.5 kB`; kB is 1024, as in PostgreSQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

/// A duration, for example `0.123 ms`, `12.3 s` or `3 min 12 s`.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Milliseconds(pub f64);

/// A number with three significant digits, for example `0.0123`, `2.40`, `16.6`, `24,494`; whole numbers above 100 keep all
/// their digits. What is not a finite number is [`UNKNOWN`].
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Significant(pub f64);

/// How much a number grew or shrank, for example `81×`, `2.4×`, `+24 %`, `−66 %`; `from none` where there was nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Growth {
    /// What it was.
    pub before: f64,
    /// What it is.
    pub after: f64,
}

impl fmt::Display for Growth {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ratio = self.after / self.before;
        if self.before == 0.0 || !ratio.is_finite() {
            return formatter.pad("from none");
        }
        if ratio >= 9.95 {
            return write!(formatter, "{}×", grouped(&format!("{ratio:.0}")));
        }
        if ratio >= 2.0 {
            return write!(formatter, "{ratio:.1}×");
        }
        let percent = (ratio - 1.0).abs() * 100.0;
        let sign = if ratio < 1.0 { '−' } else { '+' };
        let decimals = usize::from(!(9.95..=99.0).contains(&percent));
        write!(formatter, "{sign}{percent:.decimals$} %")
    }
}

/// A number of things with a regular plural, for example `1 plan`, `12 plans`.
#[must_use]
pub fn counted(number: usize, noun: &str) -> String {
    format!(
        "{} {noun}{}",
        Count(number as u64),
        if number == 1 { "" } else { "s" }
    )
}

impl fmt::Display for Count {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&grouped(&self.0.to_string()))
    }
}

impl fmt::Display for Pages {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} {}",
            Count(self.0),
            if self.0 == 1 { "page" } else { "pages" }
        )
    }
}

impl fmt::Display for Rows {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} {}",
            Count(self.0),
            if self.0 == 1 { "row" } else { "rows" }
        )
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0 as f64;
        let unit = ByteUnit::ALL
            .into_iter()
            .rev()
            .find(|unit| bytes >= unit.bytes())
            .unwrap_or(ByteUnit::Bytes);
        match unit {
            ByteUnit::Bytes => write!(formatter, "{} B", Count(self.0)),
            _ => write!(
                formatter,
                "{} {}",
                Significant(bytes / unit.bytes()),
                unit.name()
            ),
        }
    }
}

impl fmt::Display for Milliseconds {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0 / 1e3;
        if !seconds.is_finite() || seconds < 0.9995 {
            return write!(formatter, "{} ms", Significant(self.0));
        }
        if seconds < 59.95 {
            return write!(formatter, "{} s", Significant(seconds));
        }
        // The cast saturates: a duration beyond u64 is no longer read digit by digit.
        let whole = seconds.round() as u64;
        match whole / 3600 {
            0 => write!(formatter, "{} min {:02} s", whole / 60, whole % 60),
            hours => write!(formatter, "{} h {:02} min", Count(hours), whole % 3600 / 60),
        }
    }
}

impl fmt::Display for Significant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&significant(self.0))
    }
}

fn significant(value: f64) -> String {
    if !value.is_finite() {
        return UNKNOWN.to_owned();
    }
    if value.abs() >= 1e15 {
        return format!("{value:.2e}");
    }
    // The exponent is read after rounding to three digits: 9.996 is 10.0, not 10.00.
    let rounded = format!("{value:.2e}");
    let exponent: i32 = rounded
        .split_once('e')
        .and_then(|(_, exponent)| exponent.parse().ok())
        .unwrap_or(0);
    if value == 0.0 || exponent < -6 {
        return "0".to_owned();
    }
    let decimals = usize::try_from(2 - exponent).unwrap_or(0);
    grouped(&format!("{value:.decimals$}"))
}

/// Puts a comma between thousands of a decimal number that may have a sign and a fraction.
fn grouped(number: &str) -> String {
    let (sign, digits) = number
        .strip_prefix('-')
        .map_or(("", number), |digits| ("-", digits));
    let (whole, fraction) = digits
        .find('.')
        .map_or((digits, ""), |point| digits.split_at(point));
    let mut text = String::from(sign);
    for (position, digit) in whole.chars().enumerate() {
        if position > 0 && (whole.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text + fraction
}

/// Cells of one column stay below this: beyond it the next unit is taken.
const COLUMN_LIMIT: f64 = 100_000.0;

/// The unit of a column of byte counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteUnit {
    /// B
    Bytes,
    /// kB, 1024 bytes
    Kilobytes,
    /// MB, 1024 kB
    Megabytes,
    /// GB, 1024 MB
    Gigabytes,
    /// TB, 1024 GB
    Terabytes,
}

impl ByteUnit {
    /// From the smallest to the largest.
    pub const ALL: [ByteUnit; 5] = [
        ByteUnit::Bytes,
        ByteUnit::Kilobytes,
        ByteUnit::Megabytes,
        ByteUnit::Gigabytes,
        ByteUnit::Terabytes,
    ];

    /// The smallest unit in which the largest of `bytes` stays below 100,000.
    pub fn of_column(bytes: impl IntoIterator<Item = f64>) -> Self {
        let largest = bytes
            .into_iter()
            .filter(|bytes| bytes.is_finite())
            .fold(0.0, f64::max);
        ByteUnit::ALL
            .into_iter()
            .find(|unit| largest / unit.bytes() < COLUMN_LIMIT)
            .unwrap_or(ByteUnit::Terabytes)
    }

    /// Its name as PostgreSQL writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            ByteUnit::Bytes => "B",
            ByteUnit::Kilobytes => "kB",
            ByteUnit::Megabytes => "MB",
            ByteUnit::Gigabytes => "GB",
            ByteUnit::Terabytes => "TB",
        }
    }

    /// How many bytes one of it is.
    #[must_use]
    pub fn bytes(self) -> f64 {
        1024_f64.powi(self as i32)
    }

    /// `bytes` in this unit, without its name.
    #[must_use]
    pub fn cell(self, bytes: f64) -> String {
        Significant(bytes / self.bytes()).to_string()
    }
}

/// The unit of a column of durations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeUnit {
    /// ms
    Milliseconds,
    /// s
    Seconds,
}

impl TimeUnit {
    /// Milliseconds, unless the longest of `milliseconds` reaches 100,000 of them.
    pub fn of_column(milliseconds: impl IntoIterator<Item = f64>) -> Self {
        let longest = milliseconds
            .into_iter()
            .filter(|value| value.is_finite())
            .fold(0.0, f64::max);
        if longest < COLUMN_LIMIT {
            TimeUnit::Milliseconds
        } else {
            TimeUnit::Seconds
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            TimeUnit::Milliseconds => "ms",
            TimeUnit::Seconds => "s",
        }
    }

    /// `milliseconds` in this unit, without its name: three significant digits, and no finer than the microsecond that EXPLAIN
    /// resolves.
    #[must_use]
    pub fn cell(self, milliseconds: f64) -> String {
        match self {
            TimeUnit::Milliseconds if milliseconds > 0.0 && milliseconds < 0.1 => {
                format!("{milliseconds:.3}")
            }
            TimeUnit::Milliseconds => Significant(milliseconds).to_string(),
            TimeUnit::Seconds => Significant(milliseconds / 1e3).to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ByteUnit, Bytes, Count, Growth, Milliseconds, Pages, Rows, Significant, TimeUnit};

    #[test]
    fn counts_are_printed_in_full() {
        assert_eq!(Count(0).to_string(), "0");
        assert_eq!(Count(999).to_string(), "999");
        assert_eq!(Count(1_000).to_string(), "1,000");
        assert_eq!(Count(u64::MAX).to_string(), "18,446,744,073,709,551,615");
        assert_eq!(Pages(24_494).to_string(), "24,494 pages");
        assert_eq!(Pages(1).to_string(), "1 page");
        assert_eq!(Rows(1).to_string(), "1 row");
        assert_eq!(Rows(0).to_string(), "0 rows");
    }

    #[test]
    fn measured_quantities_keep_three_digits() {
        let printed = [
            (0.0, "0"),
            (0.000_000_01, "0"),
            (0.012_34, "0.0123"),
            (0.1, "0.100"),
            (2.4, "2.40"),
            (9.996, "10.0"),
            (16.59, "16.6"),
            (99.96, "100"),
            (614.4, "614"),
            (24_494.4, "24,494"),
            (-1_234.5, "-1,234"),
            (1e300, "1.00e300"),
            (f64::NAN, "–"),
            (f64::INFINITY, "–"),
        ];
        for (value, text) in printed {
            assert_eq!(Significant(value).to_string(), text);
        }
    }

    #[test]
    fn a_kilobyte_is_1024_bytes() {
        assert_eq!(Bytes(416).to_string(), "416 B");
        assert_eq!(Bytes(1023).to_string(), "1,023 B");
        assert_eq!(Bytes(1024).to_string(), "1.00 kB");
        assert_eq!(Bytes(17_887).to_string(), "17.5 kB");
        assert_eq!(Bytes(u64::MAX).to_string(), "16,777,216 TB");
    }

    #[test]
    fn durations_grow_into_larger_units() {
        let printed = [
            (0.0123, "0.0123 ms"),
            (614.4, "614 ms"),
            (999.7, "1.00 s"),
            (12_345.0, "12.3 s"),
            (59_990.0, "1 min 00 s"),
            (192_000.0, "3 min 12 s"),
            (3_780_000.0, "1 h 03 min"),
            (f64::NAN, "– ms"),
        ];
        for (value, text) in printed {
            assert_eq!(Milliseconds(value).to_string(), text);
        }
    }

    #[test]
    fn growth_is_a_factor_or_a_share() {
        let printed = [
            (15.0, 1_210.0, "81×"),
            (1.0, 24_494.0, "24,494×"),
            (10.0, 24.0, "2.4×"),
            (100.0, 124.0, "+24 %"),
            (100.0, 101.25, "+1.2 %"),
            (100.0, 34.0, "−66 %"),
            (1_210.0, 1.0, "−99.9 %"),
            (0.0, 3.0, "from none"),
            (3.0, 0.0, "−100.0 %"),
            (f64::NAN, 1.0, "from none"),
        ];
        for (before, after, text) in printed {
            assert_eq!(Growth { before, after }.to_string(), text);
        }
    }

    #[test]
    fn a_column_has_one_unit() {
        assert_eq!(ByteUnit::of_column([416.0, 17_887.0]), ByteUnit::Bytes);
        assert_eq!(
            ByteUnit::of_column([416.0, 13_631_488.0, f64::NAN]),
            ByteUnit::Kilobytes
        );
        assert_eq!(ByteUnit::of_column([]), ByteUnit::Bytes);
        assert_eq!(ByteUnit::Kilobytes.cell(416.0), "0.406");
        assert_eq!(TimeUnit::of_column([0.1, 614.0]), TimeUnit::Milliseconds);
        assert_eq!(TimeUnit::of_column([0.1, 120_000.0]), TimeUnit::Seconds);
        assert_eq!(TimeUnit::Seconds.cell(120_000.0), "120");
        let cells = [0.0, 0.0415, 0.0996, 0.1415, 12.345, 1_234.5]
            .map(|time| TimeUnit::Milliseconds.cell(time));
        assert_eq!(cells, ["0", "0.042", "0.100", "0.141", "12.3", "1,234"]);
    }
}
