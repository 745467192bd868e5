//! A threshold: `METRIC OP NUMBER[UNIT]`, what a figure of a result has to satisfy.

use std::fmt;

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

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}
