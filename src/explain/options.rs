//! The options of EXPLAIN, by server version.

use crate::postgres::version::Version;

/// Options of a sample that gives counts: everything the server can tell.
#[must_use]
pub fn counting(version: Version) -> String {
    format!(
        "analyze, verbose, buffers, settings, wal, timing on, summary on{}, format json",
        newer(version)
    )
}

/// Options of a sample that gives a time: without the clock reading around every node, which costs more than many nodes do.
#[must_use]
pub fn timing(version: Version) -> String {
    format!(
        "analyze, verbose, buffers, settings, wal, timing off, summary on{}, format json",
        newer(version)
    )
}

/// Options of a plan that is not executed.
#[must_use]
pub fn planning() -> &'static str {
    "verbose, settings, format json"
}

/// The command with these options, up to where the statement follows.
#[must_use]
pub fn explain(options: &str) -> String {
    format!("explain ({options}) ")
}

/// Whether EXPLAIN can convert the rows as for a client, and counts what that reads.
#[must_use]
pub fn serializes(version: Version) -> bool {
    version.major >= 17
}

/// From 17 the rows can be converted as for a client (binary, as drivers ask for), which shows the cost of large values.
fn newer(version: Version) -> &'static str {
    if serializes(version) {
        ", serialize binary, memory"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_follow_the_version() {
        assert!(
            !counting(Version {
                major: 16,
                minor: 0
            })
            .contains("serialize")
        );
        assert!(
            counting(Version {
                major: 17,
                minor: 0
            })
            .contains("serialize binary, memory")
        );
        assert!(
            timing(Version {
                major: 14,
                minor: 0
            })
            .contains("timing off")
        );
    }
}
