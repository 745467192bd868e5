//! What the values of options mean, and why some are refused.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PathBufValueParser, TypedValueParser};
use glob::Pattern;

use crate::postgres::conninfo::redact;
use crate::report::{ComparisonFormat, Format};

/// A name, which no address of a server is: such a one may hold a password, and a name is printed.
pub(super) fn name(text: &str) -> Result<String, String> {
    if text.contains("://") || redact(text) != text {
        return Err("a server of your own is named with --database-url".to_owned());
    }
    Ok(text.to_owned())
}

/// The same for a path, which need not be UTF-8.
pub(super) fn place() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(|path| name(&path.to_string_lossy()).map(|_| path))
}

/// A pattern such as `batch-1*`.
pub(super) fn pattern(text: &str) -> Result<Pattern, String> {
    Pattern::new(&name(text)?).map_err(|error| error.to_string())
}

/// Up to an hour: `2`, `2s` or `0.5`.
pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    let number = text.strip_suffix('s').unwrap_or(text).parse::<f64>();
    let seconds =
        number.map_err(|_| format!("`{text}` is not a number of seconds such as 2 or 0.5"))?;
    if (0.0..=3600.0).contains(&seconds) {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err("has to lie between 0 and 3600 seconds".to_owned())
    }
}

/// PostgreSQL counts timeouts in milliseconds, and takes 0 for none.
pub(super) fn timeout(text: &str) -> Result<Duration, String> {
    let timeout = seconds(text)?;
    if timeout.as_millis() == 0 {
        return Err(
            "has to be a millisecond or more: without a limit others might wait for ever"
                .to_owned(),
        );
    }
    Ok(timeout)
}

/// `30d` or `12h`.
pub(super) fn age(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no age such as 30d or 12h");
    let (number, hours) = match (text.strip_suffix('d'), text.strip_suffix('h')) {
        (Some(number), _) => (number, 24),
        (None, Some(number)) => (number, 1),
        (None, None) => return Err(wrong()),
    };
    let number: u32 = number.parse().map_err(|_| wrong())?;
    Ok(Duration::from_secs(u64::from(number) * hours * 3600))
}

/// A format by its name.
pub(super) fn format(text: &str) -> Result<Format, String> {
    let known: Vec<&str> = Format::ALL.iter().map(|format| format.name()).collect();
    let found = Format::ALL
        .iter()
        .copied()
        .find(|format| format.name() == text);
    found.ok_or_else(|| format!("`{text}` is none of {}", known.join(", ")))
}

/// A format of comparisons by its name.
pub(super) fn comparison_format(text: &str) -> Result<ComparisonFormat, String> {
    let formats = ComparisonFormat::ALL;
    let found = formats.into_iter().find(|format| format.name() == text);
    found.ok_or_else(|| {
        format!(
            "`{text}` is none of {}",
            formats.map(ComparisonFormat::name).join(", ")
        )
    })
}

/// A format of runs or of comparisons: which of them, other options say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FormatName {
    /// The format, if runs have it.
    pub of_run: Option<Format>,
    /// The format, if comparisons have it.
    pub of_comparison: Option<ComparisonFormat>,
}

/// A format that runs or comparisons have.
pub(super) fn any_format(text: &str) -> Result<FormatName, String> {
    let named = FormatName {
        of_run: format(text).ok(),
        of_comparison: comparison_format(text).ok(),
    };
    if named.of_run.is_none() && named.of_comparison.is_none() {
        let mut known: Vec<&str> = Format::ALL.map(Format::name).to_vec();
        let more = ComparisonFormat::ALL.map(ComparisonFormat::name);
        known.extend(more.into_iter().filter(|name| format(name).is_err()));
        return Err(format!("`{text}` is none of {}", known.join(", ")));
    }
    Ok(named)
}

/// A count that may grow by some share.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// Which.
    pub count: ToleratedCount,
    /// By how much: 0.01 is 1 %.
    pub share: f64,
}

/// A count that has a tolerance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToleratedCount {
    /// Pages per row.
    PagesPerRow,
    /// WAL bytes per row.
    WalPerRow,
    /// Pages read per row to send the rows.
    OutputPagesPerRow,
    /// Rows read and thrown away per row.
    RowsRemovedPerRow,
}

/// Their names.
const TOLERATED: [(&str, ToleratedCount); 4] = [
    ("pages_per_row", ToleratedCount::PagesPerRow),
    ("wal_per_row", ToleratedCount::WalPerRow),
    ("output_pages_per_row", ToleratedCount::OutputPagesPerRow),
    ("rows_removed_per_row", ToleratedCount::RowsRemovedPerRow),
];

/// `pages_per_row=5%`, with or without the sign.
pub(super) fn tolerance(text: &str) -> Result<Tolerance, String> {
    let example = "write COUNT=PERCENT, as pages_per_row=5%";
    let (count, percent) = text
        .split_once('=')
        .ok_or_else(|| format!("`{text}` is no tolerance: {example}"))?;
    let found = TOLERATED.iter().find(|(name, _)| *name == count);
    let Some((_, count)) = found else {
        let names = TOLERATED.map(|(name, _)| name).join(", ");
        return Err(format!("`{count}` is none of {names}"));
    };
    let number = percent.strip_suffix('%').unwrap_or(percent).trim().parse();
    match number {
        Ok(percent @ 0.0..=1_000_000.0) => Ok(Tolerance {
            count: *count,
            share: percent / 100.0,
        }),
        _ => Err(format!(
            "`{percent}` is no number of percent from 0 to 1000000: {example}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tolerance_is_a_count_and_a_percentage() {
        let wal = |share| Tolerance {
            count: ToleratedCount::WalPerRow,
            share,
        };
        assert_eq!(tolerance("wal_per_row=5"), Ok(wal(0.05)));
        assert_eq!(tolerance("wal_per_row=0.5%"), Ok(wal(0.005)));
        assert_eq!(tolerance("wal_per_row=0"), Ok(wal(0.0)));
        for wrong in [
            "",
            "wal_per_row",
            "wal=5",
            "wal_per_row=-1",
            "wal_per_row=x",
            "wal_per_row=NaN",
            "wal_per_row=inf",
        ] {
            assert!(tolerance(wrong).is_err(), "{wrong}");
        }
        assert!(tolerance("pages=1").unwrap_err().contains("pages_per_row"));
    }

    #[test]
    fn a_format_is_that_of_a_run_or_of_a_comparison() {
        let named = |text| {
            any_format(text).map(|named| (named.of_run.is_some(), named.of_comparison.is_some()))
        };
        assert_eq!(named("table"), Ok((true, true)));
        assert_eq!(named("csv"), Ok((true, false)));
        assert_eq!(named("junit"), Ok((false, true)));
        assert_eq!(
            named("xml"),
            Err("`xml` is none of table, json, markdown, csv, junit".to_owned())
        );
    }

    #[test]
    fn an_address_is_no_name() {
        for text in ["status-partial", "./my queue", "a=b", "/srv/password"] {
            assert_eq!(name(text), Ok(text.to_owned()));
        }
        for text in ["postgres://h/d", "mysql://u:p@h", "host=h password=x"] {
            let message = name(text).unwrap_err();
            assert!(message.contains("--database-url"), "{message}");
        }
    }

    #[test]
    fn an_age_is_a_number_of_days_or_hours() {
        assert_eq!(age("30d"), Ok(Duration::from_secs(30 * 86_400)));
        assert_eq!(age("12h"), Ok(Duration::from_secs(12 * 3_600)));
        assert_eq!(age("0d"), Ok(Duration::ZERO));
        for wrong in ["", "d", "30", "-1d", "1.5h", "99999999999d"] {
            assert!(age(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_budget_is_a_number_of_seconds() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        assert_eq!(seconds("2s"), Ok(Duration::from_secs(2)));
        assert_eq!(timeout("0.001"), Ok(Duration::from_millis(1)));
        assert!(timeout("0").is_err() && timeout("0.0001").is_err());
        assert!(seconds("-1").is_err() && seconds("soon").is_err() && seconds("NaN").is_err());
    }
}
