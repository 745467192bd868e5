//! A threshold: `METRIC OP NUMBER[UNIT]`, what a figure of a result has to satisfy.

use std::fmt;

use super::quantity::{self, SIZES, TIMES};

/// What a figure of a result has to satisfy.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    /// As it was written, for example `latency.fetch.service.p95 < 20ms`.
    pub text: String,
    /// The path of the figure in a result of `run.json`, its keys in order.
    pub metric: Vec<String>,
    /// How the figure relates to the number.
    pub operator: Operator,
    /// The number, in the unit that the figure has in `run.json`.
    pub number: f64,
}

/// How a figure relates to a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
}

/// Each operator as it is written, those of two characters first.
const OPERATORS: [(&str, Operator); 6] = [
    ("<=", Operator::AtMost),
    (">=", Operator::AtLeast),
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("<", Operator::Less),
    (">", Operator::Greater),
];

impl Operator {
    /// Whether `figure` relates to `number` so.
    #[must_use]
    pub fn holds(self, figure: f64, number: f64) -> bool {
        match self {
            Operator::Less => figure < number,
            Operator::AtMost => figure <= number,
            Operator::Greater => figure > number,
            Operator::AtLeast => figure >= number,
            Operator::Equal => figure == number,
            Operator::NotEqual => figure != number,
        }
    }
}

/// What a figure of `run.json` counts in, as its path says.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Dimension {
    /// A number of anything.
    Plain,
    /// A time, in so many nanoseconds.
    Time {
        unit: &'static str,
        nanoseconds: f64,
    },
    /// Bytes.
    Size,
    /// A part of 1.
    Share,
    /// Jobs a second.
    Rate,
}

const SHARES: [(&str, f64); 1] = [("%", 0.01)];

const RATES: [(&str, f64); 1] = [("jobs/s", 1.0)];

impl Dimension {
    /// Times in `run.json` are milliseconds unless the last key ends in another unit; sizes end in `bytes`.
    fn of(metric: &[String]) -> Dimension {
        let key = metric.last().map_or("", String::as_str);
        let ends = |unit: &str| {
            key.strip_suffix(unit)
                .is_some_and(|rest| rest.ends_with('_'))
        };
        let time = |unit, nanoseconds| Dimension::Time { unit, nanoseconds };
        let in_waits = metric.first().is_some_and(|first| first == "waits") && metric.len() > 2;
        match key {
            "throughput" => Dimension::Rate,
            "p50" | "p90" | "p95" | "p99" | "p999" | "max" => time("ms", 1e6),
            "share" | "busiest_worker" => Dimension::Share,
            _ if in_waits || ends("share") => Dimension::Share,
            _ if ends("ms") => time("ms", 1e6),
            _ if ends("us") => time("us", 1e3),
            _ if ends("s") => time("s", 1e9),
            _ if key == "bytes" || ends("bytes") => Dimension::Size,
            _ => Dimension::Plain,
        }
    }

    /// The units it may be written in, and how many of its own one of each is.
    fn units(self) -> Vec<(&'static str, f64)> {
        match self {
            Dimension::Plain => Vec::new(),
            Dimension::Time { nanoseconds, .. } => TIMES
                .iter()
                .map(|(unit, length)| (*unit, *length as f64 / nanoseconds))
                .collect(),
            Dimension::Size => SIZES
                .iter()
                .map(|(unit, bytes)| (*unit, *bytes as f64))
                .collect(),
            Dimension::Share => SHARES.to_vec(),
            Dimension::Rate => RATES.to_vec(),
        }
    }

    /// What it is, and in which units it may be written.
    fn described(self) -> &'static str {
        match self {
            Dimension::Plain => "a plain number, without a unit",
            Dimension::Time { unit: "ms", .. } => "in ms; write it in us, ms, s, min, h or d",
            Dimension::Time { unit: "us", .. } => "in us; write it in us, ms, s, min, h or d",
            Dimension::Time { .. } => "in s; write it in us, ms, s, min, h or d",
            Dimension::Size => "in bytes; write it in B, kB, MB, GB or TB",
            Dimension::Share => "a share, 0 to 1; write it so or in %",
            Dimension::Rate => "in jobs/s",
        }
    }
}

/// Why a text is no threshold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}; {help}")]
pub struct ThresholdError {
    /// What is wrong.
    pub message: String,
    /// What to write.
    pub help: String,
}

impl Threshold {
    /// Reads a threshold, for example `latency.fetch.service.p95 < 20ms`. A number without a unit is in the figure's own.
    ///
    /// # Errors
    /// What is not in this form, and units that do not fit the figure. Whether there is such a figure, only results know.
    pub fn parse(text: &str) -> Result<Threshold, ThresholdError> {
        let text = text.trim();
        let wrong = |message: String, help: &str| ThresholdError {
            message,
            help: help.to_owned(),
        };
        let form = "write METRIC OP NUMBER[UNIT], for example `latency.fetch.service.p95 < 20ms`";
        let Some(at) = text.find(['<', '>', '=', '!']) else {
            return Err(wrong(format!("`{text}` compares nothing"), form));
        };
        let (metric, rest) = text.split_at(at);
        let mut operators = OPERATORS.iter();
        let Some((written, operator)) = operators.find(|(written, _)| rest.starts_with(written))
        else {
            let operators = "operators are `<`, `<=`, `>`, `>=`, `==` and `!=`";
            return Err(wrong(format!("`{text}` has no operator"), operators));
        };
        let metric: Vec<String> = metric.trim().split('.').map(str::to_owned).collect();
        let is_key = |key: &String| !key.is_empty() && !key.contains(char::is_whitespace);
        if !metric.iter().all(is_key) {
            return Err(wrong(format!("`{text}` names no metric"), form));
        }
        let Some((number, unit)) = quantity::split(&rest[written.len()..]) else {
            let message = format!("`{text}` has no number after `{written}`");
            return Err(wrong(message, form));
        };
        let dimension = Dimension::of(&metric);
        let Some(factor) = factor(dimension, unit) else {
            let path = metric.join(".");
            let message = format!("`{unit}` does not fit `{path}`");
            let help = format!("the figure is {}", dimension.described());
            return Err(wrong(message, &help));
        };
        Ok(Threshold {
            text: text.to_owned(),
            metric,
            operator: *operator,
            number: number * factor,
        })
    }
}

/// How many of a figure's own unit one of `unit` is; none where the two do not fit.
fn factor(dimension: Dimension, unit: &str) -> Option<f64> {
    if unit.is_empty() {
        return Some(1.0);
    }
    let units = dimension.units();
    let found = units.into_iter().find(|(name, _)| *name == unit);
    found.map(|(_, factor)| factor)
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn read(text: &str) -> (String, Operator, f64) {
        let threshold = Threshold::parse(text).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(threshold.to_string(), text.trim());
        let path = threshold.metric.join(".");
        (path, threshold.operator, threshold.number)
    }

    #[track_caller]
    fn refused(text: &str, message: &str) {
        assert_eq!(Threshold::parse(text).unwrap_err().to_string(), message);
    }

    #[test]
    fn a_number_is_put_into_the_unit_of_the_figure() {
        use Operator::{AtLeast, AtMost, Equal, Greater, Less, NotEqual};
        for (text, path, operator, number) in [
            (
                "latency.fetch.service.p95 < 20ms",
                "latency.fetch.service.p95",
                Less,
                20.0,
            ),
            (
                "latency.fetch.service.p999<=1.5s",
                "latency.fetch.service.p999",
                AtMost,
                1500.0,
            ),
            (
                "latency.fetch.service.max < 20",
                "latency.fetch.service.max",
                Less,
                20.0,
            ),
            (
                "latency.fetch.service.n >= 1_000",
                "latency.fetch.service.n",
                AtLeast,
                1000.0,
            ),
            (" ledger.lost == 0 ", "ledger.lost", Equal, 0.0),
            ("retries != 3", "retries", NotEqual, 3.0),
            ("throughput > 1000 jobs/s", "throughput", Greater, 1000.0),
            ("duration_s < 2min", "duration_s", Less, 120.0),
            ("duration_s < 1d", "duration_s", Less, 86_400.0),
            ("startup_ms < 1s", "startup_ms", Less, 1000.0),
            (
                "per_job.client_cpu_us < 0.5ms",
                "per_job.client_cpu_us",
                Less,
                500.0,
            ),
            ("per_job.wal_bytes < 1kB", "per_job.wal_bytes", Less, 1024.0),
            (
                "per_job.hot_share >= 50%",
                "per_job.hot_share",
                AtLeast,
                0.5,
            ),
            (
                "waits.shares.Lock:transactionid < 5%",
                "waits.shares.Lock:transactionid",
                Less,
                0.05,
            ),
            ("waits.samples > 10", "waits.samples", Greater, 10.0),
            ("workers == 2", "workers", Equal, 2.0),
        ] {
            assert_eq!(read(text), (path.to_owned(), operator, number));
        }
    }

    #[test]
    fn what_is_no_threshold_is_refused_with_the_form() {
        let form = "write METRIC OP NUMBER[UNIT], for example `latency.fetch.service.p95 < 20ms`";
        refused(
            "ledger.lost",
            &format!("`ledger.lost` compares nothing; {form}"),
        );
        refused("< 3", &format!("`< 3` names no metric; {form}"));
        refused("a..b < 3", &format!("`a..b < 3` names no metric; {form}"));
        refused("a < b", &format!("`a < b` has no number after `<`; {form}"));
        refused("a < ", &format!("`a <` has no number after `<`; {form}"));
        let operators = "operators are `<`, `<=`, `>`, `>=`, `==` and `!=`";
        refused("a = 3", &format!("`a = 3` has no operator; {operators}"));
    }

    #[test]
    fn a_unit_has_to_fit_the_figure() {
        refused(
            "ledger.lost == 0ms",
            "`ms` does not fit `ledger.lost`; the figure is a plain number, without a unit",
        );
        refused(
            "latency.fetch.service.p95 < 20kB",
            "`kB` does not fit `latency.fetch.service.p95`; the figure is in ms; write it in us, ms, s, min, h or d",
        );
        refused(
            "per_job.hot_share > 5s",
            "`s` does not fit `per_job.hot_share`; the figure is a share, 0 to 1; write it so or in %",
        );
        refused(
            "throughput > 5%",
            "`%` does not fit `throughput`; the figure is in jobs/s",
        );
    }

    #[test]
    fn every_operator_holds_where_it_says() {
        let holds = |operator: Operator| [1.0, 2.0, 3.0].map(|figure| operator.holds(figure, 2.0));
        assert_eq!(holds(Operator::Less), [true, false, false]);
        assert_eq!(holds(Operator::AtMost), [true, true, false]);
        assert_eq!(holds(Operator::Greater), [false, false, true]);
        assert_eq!(holds(Operator::AtLeast), [false, true, true]);
        assert_eq!(holds(Operator::Equal), [false, true, false]);
        assert_eq!(holds(Operator::NotEqual), [true, false, true]);
    }
}
