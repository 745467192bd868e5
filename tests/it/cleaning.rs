//! What the program keeps on disk: how much, for how long, and how it goes.

mod clean;
mod limit;
mod server;
mod shared_cache;
mod size;

use std::path::{Path, PathBuf};

/// Builds a small fixture.
const BUILD: [&str; 5] = [
    "fixtures",
    "build",
    "many-queues-sparse",
    "--queue",
    "status-partial",
];

/// The clusters in a cache directory.
fn clusters(cache: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(cache)
        .expect("reads the cache")
        .map(|entry| entry.expect("reads the cache").path())
        .filter(|path| path.is_dir())
        .collect();
    found.sort();
    found
}
