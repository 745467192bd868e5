//! What a sweep over workers or batch sizes tells of how a queue scales.

use serde::{Deserialize, Serialize};

/// What a sweep over workers or batch sizes tells: one for each queue (and batch size, where both were swept).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scaling {
    /// Server version.
    pub postgres: String,
    /// The queue.
    pub queue: String,
    /// The fixture.
    pub fixture: String,
    /// What was varied.
    pub swept: Vec<SweptCell>,
    /// The Universal Scalability Law fitted over workers, for each batch size that has at least four numbers of workers.
    pub fits: Vec<ScalabilityFit>,
    /// What to take, and what to know about it, a sentence each.
    pub recommendation: Vec<String>,
}

/// A point of a sweep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SweptCell {
    /// Number of workers.
    pub workers: u64,
    /// Jobs asked for by a fetch.
    pub batch_size: u64,
    /// Throughput of each repeat, in order.
    pub throughput: Vec<f64>,
    /// Whether this program was the limit in any of them.
    pub generator_is_limit: bool,
}

/// Throughput over workers: `X(N) = lambda N / (1 + sigma (N - 1) + kappa N (N - 1))` (Gunther's Universal Scalability Law).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScalabilityFit {
    /// Jobs asked for by a fetch.
    pub batch_size: u64,
    /// Throughput of one worker alone, with an interval of 95 %.
    pub lambda: Interval,
    /// Share that workers queue for, 0 and more.
    pub sigma: Interval,
    /// Cost of each pair of workers keeping in step, 0 and more.
    pub kappa: Interval,
    /// Workers beyond which throughput falls; none if it never does.
    pub peak_workers: Option<f64>,
    /// Throughput there, as fitted.
    pub peak_throughput: Option<f64>,
    /// Share of the variance that the law explains.
    pub r_squared: f64,
}

/// A value with an interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The value.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}
