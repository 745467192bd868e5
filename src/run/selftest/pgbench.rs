//! One statement run by pgbench and by this program, in turns: whether the program that drives a server keeps up.

use serde::Serialize;

use crate::stats::spread::median;

/// A statement that fetches and deletes ten rows, by pgbench and by this program.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Pgbench {
    /// The binary; none where there is none.
    pub program: Option<String>,
    /// The statement.
    pub statement: String,
    /// Connections, each with a thread of its own.
    pub connections: usize,
    /// Rows that each run deletes, all there are.
    pub rows: u64,
    /// Runs of both, one after the other, on the same data.
    pub pairs: Vec<Pair>,
    /// Median over the pairs of this program's throughput over pgbench's; none without pairs.
    pub throughput_ratio: Option<f64>,
    /// The same of the processor time of a statement.
    pub cpu_ratio: Option<f64>,
    /// Why it was not measured, or not to its end.
    pub not_measured: Option<String>,
}

/// A run of pgbench and one of this program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Pair {
    /// Pgbench's.
    pub pgbench: Side,
    /// This program's.
    pub ours: Side,
}

/// What a run came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Side {
    /// Statements, of all connections together.
    pub statements: u64,
    /// Rows they deleted, by a count of what was left.
    pub rows: u64,
    /// Statements a second, without connecting.
    pub throughput: f64,
    /// Processor time of the client for a statement, in microseconds, without connecting.
    pub cpu_us: f64,
}

impl Side {
    /// Several runs of one side as one.
    #[must_use]
    pub fn of(runs: &[Side]) -> Side {
        let sum = |of: fn(&Side) -> f64| runs.iter().map(of).sum::<f64>();
        let statements = sum(|run| run.statements as f64);
        Side {
            statements: runs.iter().map(|run| run.statements).sum(),
            rows: runs.iter().map(|run| run.rows).sum(),
            throughput: statements / sum(|run| run.statements as f64 / run.throughput),
            cpu_us: sum(|run| run.cpu_us * run.statements as f64) / statements,
        }
    }
}

impl Pgbench {
    /// With the medians of its pairs.
    #[must_use]
    pub fn with_pairs(mut self, pairs: Vec<Pair>) -> Pgbench {
        let ratio = |of: fn(&Side) -> f64| {
            let ratios = pairs.iter().map(|pair| of(&pair.ours) / of(&pair.pgbench));
            let finite: Vec<f64> = ratios.filter(|ratio| ratio.is_finite()).collect();
            median(&finite)
        };
        self.throughput_ratio = ratio(|side| side.throughput);
        self.cpu_ratio = ratio(|side| side.cpu_us);
        self.pairs = pairs;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_one_side_are_one_run() {
        let runs = [
            Side {
                statements: 1_000,
                rows: 10_000,
                throughput: 1_000.0,
                cpu_us: 10.0,
            },
            Side {
                statements: 3_000,
                rows: 30_000,
                throughput: 1_000.0 / 3.0,
                cpu_us: 30.0,
            },
        ];
        // Ten seconds; a tenth of a second of processor time.
        assert_eq!(
            Side::of(&runs),
            Side {
                statements: 4_000,
                rows: 40_000,
                throughput: 400.0,
                cpu_us: 25.0,
            }
        );
    }

    fn side(throughput: f64, cpu_us: f64) -> Side {
        Side {
            statements: 100,
            rows: 1000,
            throughput,
            cpu_us,
        }
    }

    #[test]
    fn ratios_are_medians_of_each_pairs_own() {
        let pair = |ours: f64, cpu: f64| Pair {
            pgbench: side(1000.0, 20.0),
            ours: side(ours, cpu),
        };
        // The machine was twice as fast in the last pair: for both.
        let fast = Pair {
            pgbench: side(2000.0, 10.0),
            ours: side(2040.0, 13.0),
        };
        let found =
            Pgbench::default().with_pairs(vec![pair(900.0, 20.0), pair(1100.0, 40.0), fast]);
        assert_eq!(found.throughput_ratio, Some(1.02));
        assert_eq!(found.cpu_ratio, Some(1.3));
        let none = Pgbench::default().with_pairs(Vec::new());
        assert_eq!((none.throughput_ratio, none.cpu_ratio), (None, None));
        let without_time = Pair {
            pgbench: side(1000.0, 0.0),
            ours: side(1000.0, 1.0),
        };
        assert_eq!(
            Pgbench::default().with_pairs(vec![without_time]).cpu_ratio,
            None
        );
    }
}
