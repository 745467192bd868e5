//! The runtime of a worker: a thread that serves one connection and nothing else.

use std::future::Future;
use std::panic::resume_unwind;
use std::time::{Duration, Instant};

/// How late the runtime's timers may be: they count milliseconds, and so does the kernel's wait for events.
const GRAIN: Duration = Duration::from_millis(2);

/// Does this to its end on a runtime of its own, on this thread.
///
/// # Errors
/// If the system does not give what a runtime needs.
///
/// # Panics
/// If the work does.
pub fn run<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> std::io::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()?;
    // As a task of its own: tasks wake one another without a system call, while what a runtime is blocked on is woken only after
    // another look at the kernel's events, and the driver's task would do that once a statement.
    let worked = runtime.block_on(async { tokio::spawn(work).await });
    Ok(worked.unwrap_or_else(|ended| resume_unwind(ended.into_panic())))
}

/// Sleeps for this long, to about a tenth of a millisecond: the last moments without the runtime, which does nothing meanwhile.
pub async fn sleep(span: Duration) {
    let begun = Instant::now();
    if let Some(most) = span.checked_sub(GRAIN) {
        tokio::time::sleep(most).await;
    }
    std::thread::sleep(span.saturating_sub(begun.elapsed()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_of_the_work_is_returned() {
        let slept = async {
            let begun = Instant::now();
            sleep(Duration::from_millis(3)).await;
            begun.elapsed()
        };
        assert!(run(slept).unwrap() >= Duration::from_millis(3));
    }

    #[test]
    fn a_panic_ends_the_thread() {
        let thread = std::thread::spawn(|| run(async { panic!("as it is meant to") }).is_ok());
        assert!(thread.join().is_err());
    }
}
