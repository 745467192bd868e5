//! What of PostgreSQL's own parts an installation lacks: packages leave out programs, contrib modules and libraries.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::version::Version;

/// Something of PostgreSQL's that this program can make use of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Reads tables into memory before they are measured.
    PgPrewarm,
    /// Logs plans of statements inside functions.
    AutoExplain,
    /// Counts executions of statements.
    PgStatStatements,
    /// PostgreSQL's own load generator.
    Pgbench,
    /// The terminal client.
    Psql,
    /// Collations that do not come from the operating system.
    Icu,
}

impl Part {
    /// All of them.
    pub const ALL: &[Part] = &[
        Part::PgPrewarm,
        Part::AutoExplain,
        Part::PgStatStatements,
        Part::Pgbench,
        Part::Psql,
        Part::Icu,
    ];

    /// Its name, as PostgreSQL's documentation writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Part::PgPrewarm => "pg_prewarm",
            Part::AutoExplain => "auto_explain",
            Part::PgStatStatements => "pg_stat_statements",
            Part::Pgbench => "pgbench",
            Part::Psql => "psql",
            Part::Icu => "ICU",
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a server says that was built without ICU; one built with it does not hold these words.
const BUILT_WITHOUT_ICU: &[u8] = b"ICU is not supported in this build";

/// What the installation in a directory of binaries lacks; none where it cannot be told, because the directories of its libraries and
/// of its other files are not where packages put them.
#[must_use]
pub fn lacks(bin_dir: &Path, version: Version) -> Option<Vec<Part>> {
    let places = Places::of(bin_dir, version)?;
    let built_without_icu = std::fs::read(bin_dir.join("postgres"))
        .is_ok_and(|binary| memchr::memmem::find(&binary, BUILT_WITHOUT_ICU).is_some());
    let lacks = |part: &Part| match part {
        Part::PgPrewarm | Part::PgStatStatements => {
            !places.has_extension(part.name()) || !places.has_library(part.name())
        }
        Part::AutoExplain => !places.has_library(part.name()),
        Part::Pgbench | Part::Psql => !bin_dir.join(part.name()).is_file(),
        Part::Icu => built_without_icu,
    };
    Some(Part::ALL.iter().copied().filter(lacks).collect())
}

/// Where an installation keeps what belongs to its binaries.
struct Places {
    /// Holds `extension` and the files initdb reads.
    share: PathBuf,
    /// Holds the loadable modules.
    libraries: PathBuf,
}

impl Places {
    fn of(bin_dir: &Path, version: Version) -> Option<Places> {
        Places::from_pg_config(bin_dir).or_else(|| Places::beside(bin_dir, version))
    }

    /// As the installation tells itself, where it has `pg_config`.
    fn from_pg_config(bin_dir: &Path) -> Option<Places> {
        let output = Command::new(bin_dir.join("pg_config"))
            .args(["--sharedir", "--pkglibdir"])
            .output()
            .ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        let mut lines = text.lines().map(PathBuf::from);
        let places = Places {
            share: lines.next()?,
            libraries: lines.next()?,
        };
        (output.status.success() && places.are_there()).then_some(places)
    }

    /// Where packages put them, seen from the binaries.
    fn beside(bin_dir: &Path, version: Version) -> Option<Places> {
        let top = bin_dir.parent()?;
        let major = version.major;
        let names = [
            String::new(),
            "postgresql".to_owned(),
            format!("postgresql@{major}"),
            format!("postgresql{major}"),
            format!("postgresql/{major}"),
        ];
        // A bin directory two or three steps below the common top: /usr/lib/postgresql/15/bin, /usr/libexec/postgresql15.
        let tops = [
            Some(top),
            Some(Path::new("/usr")).filter(|usr| bin_dir.starts_with(usr)),
        ];
        tops.into_iter().flatten().find_map(|top| {
            let share = names
                .iter()
                .map(|name| top.join("share").join(name))
                .find(|share| share.join("extension").is_dir())?;
            let libraries = names
                .iter()
                .map(|name| top.join("lib").join(name))
                .chain([top.join(format!("lib/postgresql/{major}/lib"))])
                .find(|directory| has_module(directory, "plpgsql"))?;
            Some(Places { share, libraries })
        })
    }

    fn are_there(&self) -> bool {
        self.share.join("extension").is_dir() && self.libraries.is_dir()
    }

    fn has_extension(&self, name: &str) -> bool {
        self.share
            .join(format!("extension/{name}.control"))
            .is_file()
    }

    fn has_library(&self, name: &str) -> bool {
        has_module(&self.libraries, name)
    }
}

fn has_module(directory: &Path, name: &str) -> bool {
    ["so", "dylib"]
        .iter()
        .any(|extension| directory.join(format!("{name}.{extension}")).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERSION: Version = Version {
        major: 18,
        minor: 4,
    };

    /// An installation with these files in it.
    fn made_up(files: &[(&str, &str)]) -> (tempfile::TempDir, PathBuf) {
        let top = tempfile::tempdir().expect("a temporary directory");
        for (name, content) in files {
            let path = top.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("makes it");
            std::fs::write(path, content).expect("writes");
        }
        let bin_dir = top.path().join("bin");
        (top, bin_dir)
    }

    #[test]
    fn what_is_not_there_is_lacking() {
        let (_top, bin_dir) = made_up(&[
            ("bin/postgres", "binary"),
            ("bin/psql", ""),
            ("lib/postgresql/plpgsql.so", ""),
            ("lib/postgresql/pg_prewarm.so", ""),
            ("lib/postgresql/pg_stat_statements.so", ""),
            ("share/postgresql/extension/pg_prewarm.control", ""),
        ]);
        assert_eq!(
            lacks(&bin_dir, VERSION),
            Some(vec![
                Part::AutoExplain,
                Part::PgStatStatements,
                Part::Pgbench
            ])
        );
    }

    #[test]
    fn a_server_built_without_icu_says_so() {
        let (_top, bin_dir) = made_up(&[
            ("bin/postgres", "…ICU is not supported in this build…"),
            ("bin/psql", ""),
            ("bin/pgbench", ""),
            ("lib/plpgsql.dylib", ""),
            ("lib/auto_explain.dylib", ""),
            ("share/extension/plpgsql.control", ""),
        ]);
        assert_eq!(
            lacks(&bin_dir, VERSION),
            Some(vec![Part::PgPrewarm, Part::PgStatStatements, Part::Icu])
        );
    }

    #[test]
    fn a_strange_place_cannot_be_told() {
        let (_top, bin_dir) = made_up(&[("bin/postgres", "binary")]);
        assert_eq!(lacks(&bin_dir, VERSION), None);
    }
}
