//! What progress says of a queue that is being drained.

use crate::run::event::RunEvent;
use crate::run::throughput::cell_name;
use crate::units::{Count, Milliseconds, Significant, counted};

/// Which drain it is: `1 of 12: status-partial on heavy-single-queue, 4 workers, batches of 100`.
pub(super) fn title(started: &RunEvent) -> String {
    let RunEvent::DrainStarted {
        queue,
        fixture,
        workers,
        batch_size,
        number,
        total,
        ..
    } = started
    else {
        return String::new();
    };
    let which = if *total > 1 {
        format!("{number} of {total}: ")
    } else {
        String::new()
    };
    let cell = cell_name(*workers, *batch_size);
    format!("{which}{queue} on {fixture}, {cell}")
}

/// How it goes: `7,200 jobs/s, backlog 12,400, fetch p95 8.52 ms, no errors`.
pub(super) fn figures(progress: &RunEvent) -> String {
    let RunEvent::DrainProgress {
        throughput,
        backlog,
        fetch_p95_ms,
        errors,
        elapsed_ms,
        duration_ms,
        ..
    } = progress
    else {
        return String::new();
    };
    let mut parts = vec![
        format!("{} jobs/s", Significant(*throughput)),
        format!("backlog {}", Count(*backlog)),
    ];
    parts.extend(fetch_p95_ms.map(|p95| format!("fetch p95 {}", Milliseconds(p95))));
    parts.push(errors_of(*errors));
    parts.extend(duration_ms.map(|duration| {
        let left = (duration - elapsed_ms).max(0.0);
        // Whole seconds: it is a countdown, no measurement.
        format!("{:.0} s left", (left / 1e3).ceil())
    }));
    parts.join(", ")
}

fn errors_of(errors: u64) -> String {
    match errors {
        0 => "no errors".to_owned(),
        _ => counted(usize::try_from(errors).unwrap_or(usize::MAX), "error"),
    }
}

/// What it came to: `90,000 jobs in 12.5 s, 7,200 jobs/s`, with a warm-up `… jobs/s after the first 2.50 s`, or why it failed.
pub(super) fn outcome(finished: &RunEvent) -> String {
    let RunEvent::DrainFinished {
        completed,
        elapsed_ms,
        warmup_ms,
        throughput,
        error,
    } = finished
    else {
        return String::new();
    };
    let mut text = format!(
        "{} in {}",
        counted(usize::try_from(*completed).unwrap_or(usize::MAX), "job"),
        Milliseconds(*elapsed_ms)
    );
    if let Some(throughput) = throughput {
        text += &format!(", {} jobs/s", Significant(*throughput));
        if *warmup_ms > 0.0 {
            text += &format!(" after the first {}", Milliseconds(*warmup_ms));
        }
    }
    match error {
        Some(error) => format!("failed after {text}: {error}"),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drain_is_told_in_a_line_of_each_kind() {
        let started = |total| RunEvent::DrainStarted {
            queue: "status-partial".to_owned(),
            fixture: "heavy-single-queue".to_owned(),
            workers: 1,
            batch_size: 100,
            jobs: 90_000,
            number: 1,
            total,
        };
        let place = "status-partial on heavy-single-queue, 1 worker, batches of 100";
        assert_eq!(title(&started(1)), place);
        assert_eq!(title(&started(12)), format!("1 of 12: {place}"));
        let progress = |errors, duration_ms| RunEvent::DrainProgress {
            completed: 77_600,
            jobs: 90_000,
            throughput: 7_200.4,
            backlog: 12_400,
            fetch_p95_ms: Some(8.516),
            errors,
            elapsed_ms: 10_800.0,
            duration_ms,
        };
        let figures_of = "7,200 jobs/s, backlog 12,400, fetch p95 8.52 ms";
        assert_eq!(
            figures(&progress(0, None)),
            format!("{figures_of}, no errors")
        );
        assert_eq!(
            figures(&progress(1, Some(60_000.0))),
            format!("{figures_of}, 1 error, 50 s left")
        );
        let finished = |error: Option<&str>, warmup_ms: f64| RunEvent::DrainFinished {
            completed: 90_000,
            elapsed_ms: 12_500.0,
            warmup_ms,
            throughput: Some(7_200.0),
            error: error.map(str::to_owned),
        };
        let came_to = "90,000 jobs in 12.5 s, 7,200 jobs/s";
        assert_eq!(outcome(&finished(None, 0.0)), came_to);
        assert_eq!(
            outcome(&finished(None, 2500.0)),
            format!("{came_to} after the first 2.50 s")
        );
        assert_eq!(
            outcome(&finished(Some("the server is gone"), 0.0)),
            format!("failed after {came_to}: the server is gone")
        );
    }
}
