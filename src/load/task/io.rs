//! A wait in which the worker does something else: many are under way at once, each a deadline in the worker's schedule.

/// What the task is measured by: the waits in sum over the time in which at least one was under way.
pub const METRIC: &str = "achieved overlap";

/// The time in which at least one wait is under way.
#[derive(Clone, Copy, Debug, Default)]
pub struct Busy {
    under_way: u64,
    since_ns: u64,
}

impl Busy {
    /// A wait begins.
    pub fn begin(&mut self, now_ns: u64) {
        if self.under_way == 0 {
            self.since_ns = now_ns;
        }
        self.under_way += 1;
    }

    /// A wait is over; returns how long there has been at least one, where it was the last.
    pub fn end(&mut self, now_ns: u64) -> u64 {
        self.under_way = self.under_way.saturating_sub(1);
        if self.under_way == 0 {
            now_ns.saturating_sub(self.since_ns)
        } else {
            0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlapping_waits_are_one_stretch_of_time() {
        let mut busy = Busy::default();
        busy.begin(100);
        busy.begin(150);
        assert_eq!(busy.end(200), 0);
        assert_eq!(busy.end(250), 150);
        busy.begin(1_000);
        assert_eq!(busy.end(1_010), 10);
    }
}
