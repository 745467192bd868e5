//! What the values of options mean, and why some are refused.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PathBufValueParser, TypedValueParser};
use glob::Pattern;

use crate::definition::scenario::plan::Lasting;
use crate::definition::scenario::{Completion, Outcomes, Task};
use crate::definition::threshold::Threshold;
use crate::definition::{nearest, quantity};
use crate::postgres::conninfo::redact;
use crate::report::{ComparisonFormat, Format, ReviewFormat};
use crate::run::thresholds;

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

/// A duration, or `until-empty`.
pub(super) fn lasting(text: &str) -> Result<Lasting, String> {
    match text {
        "until-empty" => Ok(Lasting::UntilEmpty),
        _ => quantity::duration(text).map(Lasting::For),
    }
}

/// A way to complete jobs by its name.
pub(super) fn completion(text: &str) -> Result<Completion, String> {
    let all = [
        Completion::Each,
        Completion::Batch,
        Completion::WithNextFetch,
    ];
    let names = all.map(|one| one.to_string());
    let found = all.into_iter().find(|one| one.to_string() == text);
    found.ok_or_else(|| match nearest(text, names.iter().map(String::as_str)) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("`{text}` is none of {}", names.join(", ")),
    })
}

/// A task in its own words, as `io:wait=10ms`.
pub(super) fn task(text: &str) -> Result<Task, String> {
    Task::of(&name(text)?)
}

/// Shares of tasks that end otherwise, as `failed=0.1`.
pub(super) fn outcomes(text: &str) -> Result<Outcomes, String> {
    Outcomes::of(&name(text)?)
}

/// A threshold whose metric exists.
pub(super) fn threshold(text: &str) -> Result<Threshold, String> {
    let threshold = Threshold::parse(text).map_err(|wrong| wrong.to_string())?;
    thresholds::check(&threshold).map_err(|wrong| wrong.to_string())?;
    Ok(threshold)
}

/// `NAME=VALUE` of a setting.
pub(super) fn setting(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once('=')
        .ok_or_else(|| format!("`{text}` is not NAME=VALUE, as in autovacuum_naptime=1s"))?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

/// A format of drains by its name.
pub(super) fn format(text: &str) -> Result<Format, String> {
    let formats = Format::OF_DRAINS;
    let found = formats.into_iter().find(|format| format.name() == text);
    found.ok_or_else(|| {
        let known = formats.map(Format::name);
        format!("`{text}` is none of {}", known.join(", "))
    })
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

/// A format of reviews by its name.
pub(super) fn review_format(text: &str) -> Result<ReviewFormat, String> {
    let formats = ReviewFormat::ALL;
    let found = formats.into_iter().find(|format| format.name() == text);
    found.ok_or_else(|| {
        let known = formats.map(ReviewFormat::name);
        format!("`{text}` is none of {}", known.join(", "))
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

/// The format of a run of plans that has this name.
fn of_plans(text: &str) -> Option<Format> {
    Format::ALL.into_iter().find(|format| format.name() == text)
}

/// The names of all of them, each once.
#[must_use]
pub fn format_names() -> Vec<&'static str> {
    let mut names = Format::ALL.map(Format::name).to_vec();
    let more = ComparisonFormat::ALL.map(ComparisonFormat::name);
    names.extend(more.into_iter().filter(|name| of_plans(name).is_none()));
    names
}

/// A format that runs or comparisons have.
pub(super) fn any_format(text: &str) -> Result<FormatName, String> {
    let named = FormatName {
        of_run: of_plans(text),
        of_comparison: comparison_format(text).ok(),
    };
    if named.of_run.is_none() && named.of_comparison.is_none() {
        return Err(format!("`{text}` is none of {}", format_names().join(", ")));
    }
    Ok(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_that_of_a_run_or_of_a_comparison() {
        let named = |text| {
            any_format(text).map(|named| (named.of_run.is_some(), named.of_comparison.is_some()))
        };
        assert_eq!(named("table"), Ok((true, true)));
        assert_eq!(named("csv"), Ok((true, false)));
        assert_eq!(named("matrix"), Ok((true, false)));
        assert_eq!(named("junit"), Ok((false, true)));
        assert!(format("matrix").is_err(), "drains have none");
        assert_eq!(
            named("xml"),
            Err("`xml` is none of table, json, markdown, csv, matrix, junit".to_owned())
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
