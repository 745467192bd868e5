//! The clocks of a drain: one that all processes of the machine share, and the processor time of a thread.

use rustix::time::{ClockId, Timespec, clock_gettime};

/// Nanoseconds on `CLOCK_MONOTONIC`: never goes back, is the same in every process, and has no meaning beyond differences.
#[must_use]
pub fn now_ns() -> u64 {
    nanoseconds(clock_gettime(ClockId::Monotonic))
}

/// Nanoseconds that the calling thread has spent on a processor.
#[must_use]
pub fn thread_cpu_ns() -> u64 {
    nanoseconds(clock_gettime(ClockId::ThreadCPUTime))
}

fn nanoseconds(time: Timespec) -> u64 {
    // Both clocks start at 0 and reach 2^64 ns after 584 years.
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

#[cfg(test)]
mod tests {
    use super::{now_ns, thread_cpu_ns};

    #[test]
    fn time_goes_on_and_sleep_takes_no_processor() {
        let (now, cpu) = (now_ns(), thread_cpu_ns());
        std::thread::sleep(std::time::Duration::from_millis(20));
        assert!(now_ns() - now >= 20_000_000);
        assert!(thread_cpu_ns() - cpu < 20_000_000);
    }
}
