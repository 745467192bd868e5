//! The part of `clean` for old run folders.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;

use super::{Findings, Item, Thing};
use crate::run::store::folders::{self, Removal, RunFolder};

/// Looks for runs in `out` that began more than `age` ago.
pub(super) fn find(
    out: &Path,
    age: Duration,
    now: jiff::Timestamp,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    let runs = folders::list(out)
        .with_context(|| format!("cannot read {}: name the folder with --out", out.display()))?;
    for folder in runs {
        let lasted = now.duration_since(folder.began);
        if lasted < jiff::SignedDuration::try_from(age).unwrap_or(jiff::SignedDuration::MAX) {
            continue;
        }
        let name = folder.path.display().to_string();
        if folder.is_running() {
            findings
                .staying
                .push([name, "its run is still going".to_owned()]);
            continue;
        }
        let about = match lasted.as_hours() / 24 {
            0 => "less than a day old".to_owned(),
            1 => "1 day old".to_owned(),
            days => format!("{days} days old"),
        };
        findings.going.push(Item {
            name,
            bytes: folder.bytes(),
            about,
            thing: Thing::Run(folder),
        });
    }
    Ok(())
}

/// Removes one, unless its run is going; says whether it did.
pub(super) fn remove(folder: &RunFolder) -> anyhow::Result<bool> {
    Ok(folder.remove()? == Removal::Removed)
}
