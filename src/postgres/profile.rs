//! Settings a managed server is started with.

use super::version::{OLDEST_SUPPORTED, Version};

/// A named set of settings for a managed server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Its name, stamped in every run.
    pub name: &'static str,
    /// What it sets beside what every profile sets.
    pub settings: &'static [Setting],
}

/// A setting with the value it has on every version that knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its name.
    pub name: &'static str,
    /// Its value.
    pub value: &'static str,
    /// The first major version that knows it; an older server would not start with it.
    pub since: u32,
}

impl Profile {
    /// The settings that a server of this version knows.
    pub fn settings_for(self, version: Version) -> impl Iterator<Item = Setting> {
        let settings = COMPARABLE.iter().chain(self.settings).copied();
        settings.filter(move |setting| setting.since <= version.major)
    }
}

/// Known to every supported version.
const fn set(name: &'static str, value: &'static str) -> Setting {
    set_since(OLDEST_SUPPORTED, name, value)
}

/// Known from this major version on.
const fn set_since(since: u32, name: &'static str, value: &'static str) -> Setting {
    Setting { name, value, since }
}

/// Settings that the program makes itself wherever it starts a server: nothing else may.
pub const OWN: [&str; 8] = [
    "config_file",
    "data_directory",
    "hba_file",
    "ident_file",
    "listen_addresses",
    "port",
    "unix_socket_directories",
    "unix_socket_permissions",
];

/// What versions or packages have different defaults for is set to one value in every profile, so that a plan or a cost that changes
/// from version to version changes because of the version; and what would read, write or log beside the statements is off.
const COMPARABLE: &[Setting] = &[
    set("wal_log_hints", "off"),
    // Tables made and filled in one transaction need no WAL at this level: fixtures are built faster. And nothing but what statements
    // do is logged: at higher ones a list of running transactions is, every 15 seconds.
    set("wal_level", "minimal"),
    set("max_wal_senders", "0"),
    set("wal_compression", "off"),
    set("synchronize_seqscans", "off"),
    set("max_parallel_workers_per_gather", "0"),
    set("shared_buffers", "1GB"),
    set("work_mem", "4MB"),
    // 1 on 14, 2 from 15 on: it decides between hashing and sorting.
    set("hash_mem_multiplier", "2"),
    set("max_wal_size", "4GB"),
    set("checkpoint_timeout", "15min"),
    set("maintenance_work_mem", "256MB"),
    // The size of the ring that 14 and 15 vacuum with; 2 MB from 17 on.
    set_since(16, "vacuum_buffer_usage_limit", "256kB"),
    // Nothing is read before it is asked for: 0 is all that systems without posix_fadvise accept up to 17, and the default of 18
    // is another than theirs. Larger reads and the workers of 18 would fetch pages that no statement wanted.
    set("effective_io_concurrency", "0"),
    set("maintenance_io_concurrency", "0"),
    set_since(17, "io_combine_limit", "8kB"),
    set_since(18, "io_method", "sync"),
    set("default_toast_compression", "pglz"),
    set("jit", "off"),
    set("track_io_timing", "on"),
    set("compute_query_id", "on"),
    set("timezone", "UTC"),
];

/// For plans: nothing measured is committed, so durability is off, and with it everything that would make a count depend on when
/// the last checkpoint was or on what runs beside the statement.
pub const PLANS: Profile = Profile {
    name: "plans",
    settings: &[
        set("fsync", "off"),
        // With full-page images the WAL of a statement would measure how long ago the last checkpoint was.
        set("full_page_writes", "off"),
        set("autovacuum", "off"),
        set("bgwriter_lru_maxpages", "0"),
        set("max_connections", "40"),
    ],
};

/// For throughput: what makes a commit durable and what cleans up after it are part of what a queue costs, so they run as PostgreSQL
/// runs them by default.
pub const LOAD: Profile = Profile {
    name: "load",
    settings: &[
        set("fsync", "on"),
        set("full_page_writes", "on"),
        set("synchronous_commit", "on"),
        set("autovacuum", "on"),
        set("max_connections", "1200"),
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    fn names(profile: Profile, major: u32) -> Vec<&'static str> {
        let settings = profile.settings_for(Version { major, minor: 0 });
        settings.map(|setting| setting.name).collect()
    }

    #[test]
    fn a_server_is_given_what_it_knows() {
        assert!(!names(PLANS, 14).contains(&"vacuum_buffer_usage_limit"));
        assert!(names(PLANS, 16).contains(&"vacuum_buffer_usage_limit"));
        let of_17 = names(LOAD, 17);
        assert!(of_17.contains(&"io_combine_limit") && !of_17.contains(&"io_method"));
        let all = COMPARABLE.len() + PLANS.settings.len();
        assert_eq!(names(PLANS, 18).len(), all);
    }

    #[test]
    fn nothing_is_set_twice() {
        for profile in [PLANS, LOAD] {
            let mut all = names(profile, u32::MAX);
            let count = all.len();
            all.sort_unstable();
            all.dedup();
            assert_eq!(all.len(), count, "{}", profile.name);
            assert!(!all.iter().any(|name| OWN.contains(name)));
        }
    }
}
