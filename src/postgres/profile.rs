//! Settings a managed server is started with.

/// A named set of settings for a managed server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Its name, stamped in every run.
    pub name: &'static str,
    /// Setting and value.
    pub settings: &'static [(&'static str, &'static str)],
}

/// For plans: nothing measured is committed, so durability is off, and with it everything that would make a count depend on when
/// the last checkpoint was or on what runs beside the statement.
pub const PLANS: Profile = Profile {
    name: "plans",
    settings: &[
        ("fsync", "off"),
        // With full-page images the WAL of a statement would measure how long ago the last checkpoint was.
        ("full_page_writes", "off"),
        ("wal_log_hints", "off"),
        // Tables made and filled in one transaction need no WAL at this level: fixtures are built faster.
        ("wal_level", "minimal"),
        ("max_wal_senders", "0"),
        ("autovacuum", "off"),
        ("bgwriter_lru_maxpages", "0"),
        ("synchronize_seqscans", "off"),
        ("max_parallel_workers_per_gather", "0"),
        ("shared_buffers", "1GB"),
        ("max_wal_size", "4GB"),
        ("checkpoint_timeout", "15min"),
        ("maintenance_work_mem", "256MB"),
        ("jit", "off"),
        ("track_io_timing", "on"),
        ("compute_query_id", "on"),
        ("max_connections", "40"),
        ("timezone", "UTC"),
    ],
};
