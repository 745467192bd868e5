//! How long the disk takes to sync, as pg_test_fsync measures it, in small.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::postgres::sync_file::SyncFile;
use crate::run::selftest::{Disk, SyncTimes};
use crate::stats::percentile::percentile;
use crate::stats::spread::median_of_sorted;

/// Syncs, at most.
const SYNCS: usize = 100;

/// Syncs, however long they take.
const LEAST_SYNCS: usize = 5;

/// Time for them.
const BUDGET: Duration = Duration::from_millis(1000);

/// Measures the file system of `directory`, where that is on this machine.
pub(super) async fn measure(directory: Option<&Path>) -> Disk {
    let Some(directory) = directory else {
        return Disk {
            directory: None,
            free_bytes: None,
            sync: None,
            not_measured: Some(
                "the server was not started here, and its disk cannot be reached from here"
                    .to_owned(),
            ),
        };
    };
    let (sync, not_measured) = match sync_times(directory).await {
        Ok(times) => (summary(times), None),
        Err(error) => (
            None,
            Some(format!("cannot write to its directory: {error}")),
        ),
    };
    let free = rustix::fs::statvfs(directory).ok();
    Disk {
        directory: Some(directory.display().to_string()),
        free_bytes: free.map(|free| free.f_bavail.saturating_mul(free.f_frsize)),
        sync,
        not_measured,
    }
}

/// In milliseconds.
async fn sync_times(directory: &Path) -> std::io::Result<Vec<f64>> {
    let mut file = SyncFile::create(directory)?;
    let started = Instant::now();
    let mut times = Vec::new();
    while times.len() < SYNCS && (times.len() < LEAST_SYNCS || started.elapsed() < BUDGET) {
        times.push(file.write()?.as_secs_f64() * 1000.0);
        // A signal is heard between two syncs.
        tokio::task::yield_now().await;
    }
    Ok(times)
}

fn summary(mut times: Vec<f64>) -> Option<SyncTimes> {
    times.sort_by(f64::total_cmp);
    Some(SyncTimes {
        n: times.len(),
        median_ms: median_of_sorted(&times)?,
        p95_ms: percentile(&times, 95),
        max_ms: *times.last()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn syncs_are_summarised() {
        let times = (1..=20).rev().map(f64::from).collect();
        let wanted = SyncTimes {
            n: 20,
            median_ms: 10.5,
            p95_ms: Some(19.0),
            max_ms: 20.0,
        };
        assert_eq!(summary(times), Some(wanted));
        assert_eq!(summary(vec![2.0]).and_then(|one| one.p95_ms), None);
        assert_eq!(summary(Vec::new()), None);
    }
}
