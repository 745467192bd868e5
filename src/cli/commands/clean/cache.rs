//! The cache's part of `clean`: clusters that nobody uses, and what was never finished.

use anyhow::Context;

use super::{Findings, Item};
use crate::cli::args::Common;
use crate::cli::commands::fixtures::day;
use crate::cli::server;
use crate::postgres::cache_contents::{self, Binaries, ClusterState, KeptCluster, Unfinished};
use crate::postgres::cache_directory::CacheDirectory;

/// Something in the cache.
#[derive(Debug)]
pub(super) enum Thing {
    /// A cluster.
    Cluster(KeptCluster),
    /// Something half made.
    Unfinished(Unfinished),
}

impl Thing {
    /// Removes it, unless somebody uses it by now; says whether it did.
    pub(super) fn remove(&self) -> anyhow::Result<bool> {
        let holder = format!(
            "{} clean (process {})",
            env!("CARGO_PKG_NAME"),
            std::process::id()
        );
        Ok(match self {
            Thing::Cluster(cluster) => cluster.remove(&holder)?,
            Thing::Unfinished(unfinished) => unfinished.remove(&holder)?,
        })
    }
}

/// Looks for it. A cache that is not there has nothing in it, and is not made.
pub(super) fn find(common: &Common, findings: &mut Findings) -> anyhow::Result<()> {
    let place = std::path::absolute(server::cache_directory(common)?)
        .context("cannot find the working directory")?;
    let Some(cache) = CacheDirectory::find(&place)? else {
        return Ok(());
    };
    for cluster in cache_contents::clusters(&cache)? {
        let name = cluster.directory.display().to_string();
        let why = match &cluster.state {
            ClusterState::Idle => {
                findings.going.push(Item {
                    name,
                    bytes: cluster.bytes(),
                    about: about(&cluster),
                    thing: super::Thing::InCache(Thing::Cluster(cluster)),
                });
                continue;
            }
            ClusterState::InUse(holder) if holder.is_empty() => {
                "in use by another process".to_owned()
            }
            ClusterState::InUse(holder) => format!("in use by {holder}"),
            ClusterState::Closed(owner) => format!("it belongs to {owner}"),
            ClusterState::Link => "a symbolic link".to_owned(),
        };
        findings.staying.push([name, why]);
    }
    for unfinished in cache_contents::unfinished(&cache)? {
        findings.going.push(Item {
            name: unfinished.path.display().to_string(),
            bytes: unfinished.bytes(),
            about: "never finished".to_owned(),
            thing: super::Thing::InCache(Thing::Unfinished(unfinished)),
        });
    }
    Ok(())
}

/// `PostgreSQL 15, 4 fixtures, last used 2026-11-21; its binaries are gone (/usr/lib/postgresql/15/bin)`.
fn about(cluster: &KeptCluster) -> String {
    let mut text = format!("PostgreSQL {}", cluster.major);
    if let Some(record) = &cluster.record {
        text.push_str(&match record.templates.len() {
            1 => ", 1 fixture".to_owned(),
            count => format!(", {count} fixtures"),
        });
    }
    text.push_str(&format!(", last used {}", day(cluster.used())));
    let Some(record) = &cluster.record else {
        return text;
    };
    let bin_dir = record.bin_dir.display();
    text.push_str(&match cluster.binaries() {
        Some(Binaries::Gone) => format!("; its binaries are gone ({bin_dir})"),
        Some(Binaries::Replaced(now)) => {
            format!(
                "; made with {}, now {now} in {bin_dir}",
                record.version_text
            )
        }
        Some(Binaries::There) | None => String::new(),
    });
    text
}
