//! How much a cache directory may hold, and what goes first when that is too much.

use std::str::FromStr;

use super::cache_contents::KeptCluster;
use super::cluster_record::now;

/// 20 GB.
const DEFAULT_BYTES: u64 = 20 << 30;

/// How much fixtures that are kept between runs may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheLimit {
    /// In bytes; none for no limit.
    pub bytes: Option<u64>,
    /// What was used since then, in seconds since 1970, belongs to the run under way and stays while it lasts.
    pub run_began: u64,
}

impl Default for CacheLimit {
    fn default() -> CacheLimit {
        CacheLimit {
            bytes: Some(DEFAULT_BYTES),
            run_began: now(),
        }
    }
}

impl FromStr for CacheLimit {
    type Err = String;

    /// Reads `20GB`, `512 MB`, `0` or `none`; units as PostgreSQL writes them, kB is 1024 bytes.
    fn from_str(text: &str) -> Result<CacheLimit, String> {
        let run_began = now();
        if text == "none" {
            return Ok(CacheLimit {
                bytes: None,
                run_began,
            });
        }
        let wrong = || format!("`{text}` is no size such as 20GB, 512MB or 0, and not none");
        let digits = text
            .find(|character: char| !character.is_ascii_digit())
            .unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let shift = match unit.trim_start() {
            "" if number == 0 => 0,
            "B" => 0,
            "kB" => 10,
            "MB" => 20,
            "GB" => 30,
            "TB" => 40,
            "" => return Err(format!("{}: say a unit (B, kB, MB, GB, TB)", wrong())),
            _ => return Err(format!("{} (units are B, kB, MB, GB, TB)", wrong())),
        };
        let bytes = number
            .checked_mul(1 << shift)
            .ok_or_else(|| format!("`{text}` is larger than any disk: say none"))?;
        Ok(CacheLimit {
            bytes: Some(bytes),
            run_began,
        })
    }
}

/// Something that is kept and may go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// What it is.
    pub what: KeptThing,
    /// Its size.
    pub bytes: u64,
    /// When it was last used, in seconds since 1970.
    pub used: u64,
}

/// What may go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeptThing {
    /// A template of the server that is running.
    Template {
        /// Its database.
        database: String,
        /// Name of the fixture.
        fixture: String,
        /// Name of the queue.
        queue: String,
    },
    /// A cluster that nobody uses, with all its templates.
    Cluster(KeptCluster),
}

/// What has to go, the longest unused first, so that what stays and `needed` bytes more keep below `limit`. Nothing that was used
/// since `protected` goes; `fixed` bytes cannot go.
#[must_use]
pub fn to_remove(
    mut kept: Vec<Kept>,
    fixed: u64,
    needed: u64,
    limit: u64,
    protected: Option<u64>,
) -> Vec<Kept> {
    let mut total = kept
        .iter()
        .map(|one| one.bytes)
        .fold(fixed.saturating_add(needed), u64::saturating_add);
    kept.retain(|one| protected.is_none_or(|since| one.used < since));
    kept.sort_by_key(|one| one.used);
    let mut going = Vec::new();
    for one in kept {
        if total <= limit {
            break;
        }
        total = total.saturating_sub(one.bytes);
        going.push(one);
    }
    going
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(name: &str, bytes: u64, used: u64) -> Kept {
        Kept {
            what: KeptThing::Template {
                database: name.to_owned(),
                fixture: String::new(),
                queue: String::new(),
            },
            bytes,
            used,
        }
    }

    fn names(going: &[Kept]) -> Vec<String> {
        let name = |one: &Kept| match &one.what {
            KeptThing::Cluster(cluster) => cluster.name.clone(),
            KeptThing::Template { database, .. } => database.clone(),
        };
        going.iter().map(name).collect()
    }

    #[test]
    fn the_longest_unused_goes_first_and_no_more_than_needed() {
        let all = || {
            vec![
                kept("new", 10, 30),
                kept("old", 10, 10),
                kept("middle", 10, 20),
            ]
        };
        let going = |needed, limit, protected| {
            names(&to_remove(all(), 0, needed, limit, protected)).join(" ")
        };
        assert_eq!(going(0, 30, None), "");
        assert_eq!(going(1, 30, None), "old");
        assert_eq!(going(11, 30, None), "old middle");
        assert_eq!(going(0, 0, None), "old middle new");
        assert_eq!(going(0, 0, Some(20)), "old");
        assert_eq!(going(u64::MAX, 30, Some(30)), "old middle");
        assert_eq!(names(&to_remove(all(), 5, 0, 30, None)).join(" "), "old");
    }

    #[test]
    fn sizes_are_written_as_in_postgresql() {
        let bytes = |text: &str| text.parse::<CacheLimit>().map(|limit| limit.bytes);
        assert_eq!(bytes("20GB"), Ok(Some(20 << 30)));
        assert_eq!(bytes("512 MB"), Ok(Some(512 << 20)));
        assert_eq!(bytes("7B"), Ok(Some(7)));
        assert_eq!(bytes("0"), Ok(Some(0)));
        assert_eq!(bytes("none"), Ok(None));
        for wrong in ["", "GB", "20", "20gb", "-1GB", "1.5GB", "99999999999TB"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
        assert_eq!(CacheLimit::default().bytes, Some(20 << 30));
    }
}
