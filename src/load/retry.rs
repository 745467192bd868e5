//! Which errors a retry may mend, and how long to wait before it.

use std::time::Duration;

use tokio_postgres::error::SqlState;

use crate::stats::splitmix::{hash_of, unit};

/// The SQLSTATE that a lost connection is counted under where the server gave none: `connection_failure`.
pub const CONNECTION_LOST: &str = "08006";

/// Wait before the first retry.
const FIRST: Duration = Duration::from_millis(10);

/// Longest wait before a retry.
const LONGEST: Duration = Duration::from_secs(1);

/// What an error asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// The same again: a conflict with somebody else is over by then.
    Again,
    /// The same again on a new connection.
    Reconnect,
    /// Nothing helps.
    GiveUp,
}

/// What an error of a call asks for.
#[must_use]
pub fn remedy(error: &tokio_postgres::Error) -> Remedy {
    match error.code() {
        Some(code) => remedy_for(code),
        // What the driver meets by itself: a closed socket or one that broke. What it cannot encode or read stays wrong.
        None if error.is_closed() || is_input_output(error) => Remedy::Reconnect,
        None => Remedy::GiveUp,
    }
}

/// What an error with this SQLSTATE asks for.
#[must_use]
pub fn remedy_for(code: &SqlState) -> Remedy {
    match code.code() {
        // Serialization failure, deadlock, lock not available.
        "40001" | "40P01" | "55P03" => Remedy::Again,
        // Terminated by an administrator, by a crash, and not accepting sessions yet.
        "57P01" | "57P02" | "57P03" => Remedy::Reconnect,
        code if code.starts_with("08") => Remedy::Reconnect,
        _ => Remedy::GiveUp,
    }
}

/// The SQLSTATE that an error is counted under; none for what is no error of the server or the connection.
#[must_use]
pub fn counted_as(error: &tokio_postgres::Error) -> Option<&str> {
    match error.code() {
        Some(code) => Some(code.code()),
        None => (remedy(error) == Remedy::Reconnect).then_some(CONNECTION_LOST),
    }
}

fn is_input_output(error: &tokio_postgres::Error) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(one) = cause {
        if one.is::<std::io::Error>() {
            return true;
        }
        cause = one.source();
    }
    false
}

/// Waits before retries: they double up to a second, and each is shortened by up to a half, so that those who met do not meet again.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    seed: u64,
    tries: u32,
}

impl Backoff {
    /// The waits of one who has not tried yet; the seed decides by how much they are shortened.
    #[must_use]
    pub fn new(seed: u64) -> Backoff {
        Backoff { seed, tries: 0 }
    }

    /// The wait before the next try.
    pub fn next_wait(&mut self) -> Duration {
        let whole = FIRST.saturating_mul(1 << self.tries.min(16)).min(LONGEST);
        let shortened = 1.0 - 0.5 * unit(hash_of(&[self.seed, u64::from(self.tries)]));
        self.tries = self.tries.saturating_add(1);
        whole.mul_f64(shortened)
    }

    /// After a success the waits start anew, with other numbers.
    pub fn succeeded(&mut self) {
        if self.tries > 0 {
            self.seed = hash_of(&[self.seed, u64::from(self.tries)]);
            self.tries = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conflicts_are_tried_again_and_lost_connections_made_anew() {
        let cases = [
            ("40001", Remedy::Again),
            ("40P01", Remedy::Again),
            ("55P03", Remedy::Again),
            ("08006", Remedy::Reconnect),
            ("08P01", Remedy::Reconnect),
            ("57P01", Remedy::Reconnect),
            ("57P03", Remedy::Reconnect),
            ("23505", Remedy::GiveUp),
            ("53100", Remedy::GiveUp),
            ("42P01", Remedy::GiveUp),
        ];
        for (code, expected) in cases {
            assert_eq!(remedy_for(&SqlState::from_code(code)), expected, "{code}");
        }
    }

    #[test]
    fn waits_double_up_to_a_second_and_start_anew() {
        let mut backoff = Backoff::new(7);
        let waits: Vec<Duration> = (0..12).map(|_| backoff.next_wait()).collect();
        for (number, wait) in waits.iter().enumerate() {
            let whole = FIRST.saturating_mul(1 << number).min(LONGEST);
            assert!(*wait <= whole && *wait >= whole / 2, "{number}: {wait:?}");
        }
        backoff.succeeded();
        let again = backoff.next_wait();
        assert!(again <= FIRST && again != waits[0]);
        assert_ne!(Backoff::new(8).next_wait(), waits[0]);
    }
}
