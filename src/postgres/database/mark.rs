//! The comment that makes a database ours: program, installation, what it is for, and on a server of others which run made it.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// What a database of ours is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "kebab-case")]
pub enum Role {
    /// A template that is still being built; worthless if its builder is gone.
    Building,
    /// A finished fixture.
    Template(TemplateMark),
    /// A disposable copy.
    Copy,
}

/// What a template holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateMark {
    /// Digest of everything that decides its content.
    pub key: String,
    /// Name of the queue.
    pub queue: String,
    /// Name of the fixture.
    pub fixture: String,
    /// Number of jobs.
    pub jobs: u64,
    /// Digest of the planner's statistics.
    pub statistics: String,
    /// Whether its copies can be prewarmed.
    pub prewarm: bool,
}

/// A session of a server, told from all that come after it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SessionIdentity {
    /// Process id of its backend.
    pub backend_pid: i32,
    /// When it began, in seconds since 1970 as the server writes them.
    pub backend_start: String,
}

/// The sessions that are on a server: process ids, each with when it began, or none where the role may not see that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LivingSessions(pub BTreeMap<i32, Option<String>>);

impl LivingSessions {
    /// Whether a session is among them. One of its number that cannot be looked into may be it.
    fn may_contain(&self, session: &SessionIdentity) -> bool {
        let found = self.0.get(&session.backend_pid);
        found.is_some_and(|start| {
            start
                .as_ref()
                .is_none_or(|start| *start == session.backend_start)
        })
    }
}

/// The run that made a database on a server of others, and whether it is to outlive that run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Maker {
    /// The run.
    pub run: String,
    /// The session that made it: if it is gone, so is the run.
    #[serde(flatten)]
    pub session: SessionIdentity,
    /// Whether it is kept for the next run.
    pub kept: bool,
}

/// The comment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    program: String,
    installation: String,
    /// Seconds since 1970.
    time: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    maker: Option<Maker>,
    #[serde(flatten)]
    role: Role,
}

/// Where a database of ours stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// This run made it, or it is on a managed server.
    Own,
    /// A run made it for later ones.
    Kept,
    /// A run that is still going made it for itself.
    InUse,
    /// A run that is gone made it for itself.
    Leftover,
}

impl Mark {
    /// The mark of a database made now.
    #[must_use]
    pub fn new(installation: &str, maker: Option<Maker>, role: Role) -> Mark {
        let time = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        Mark {
            program: env!("CARGO_PKG_NAME").to_owned(),
            installation: installation.to_owned(),
            time,
            maker,
            role,
        }
    }

    /// As a string constant of SQL.
    #[must_use]
    pub fn literal(&self) -> String {
        let text = serde_json::to_string(self).unwrap_or_default();
        format!("'{}'", text.replace('\'', "''"))
    }

    /// Reads a comment; none if it is not this installation's.
    #[must_use]
    pub fn read(comment: &str, installation: &str) -> Option<Mark> {
        Mark::read_any(comment).filter(|mark| mark.installation == installation)
    }

    /// Reads a comment of any installation of this program.
    #[must_use]
    pub fn read_any(comment: &str) -> Option<Mark> {
        let mark: Mark = serde_json::from_str(comment).ok()?;
        (mark.program == env!("CARGO_PKG_NAME")).then_some(mark)
    }

    /// The installation that made the database.
    #[must_use]
    pub fn installation(&self) -> &str {
        &self.installation
    }

    /// When it was made, in seconds since 1970.
    #[must_use]
    pub fn time(&self) -> u64 {
        self.time
    }

    /// What the database is for.
    #[must_use]
    pub fn into_role(self) -> Role {
        self.role
    }

    /// Whether the run that made the database is still going, as far as the role can see.
    #[must_use]
    pub fn is_maker_living(&self, living: &LivingSessions) -> bool {
        let maker = self.maker.as_ref();
        maker.is_some_and(|maker| living.may_contain(&maker.session))
    }

    /// Where it stands for the run `run`, while the sessions `living` are on the server.
    #[must_use]
    pub fn standing(&self, run: &str, living: &LivingSessions) -> Standing {
        match &self.maker {
            Some(maker) if maker.kept => Standing::Kept,
            Some(maker) if maker.run == run => Standing::Own,
            Some(_) if self.is_maker_living(living) => Standing::InUse,
            _ => Standing::Leftover,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn maker(run: &str, pid: i32, kept: bool) -> Maker {
        Maker {
            run: run.to_owned(),
            session: SessionIdentity {
                backend_pid: pid,
                backend_start: "17.5".to_owned(),
            },
            kept,
        }
    }

    #[test]
    fn a_mark_reads_back_for_its_own_installation_alone() {
        let mark = Mark::new("it's here", Some(maker("r", 7, false)), Role::Copy);
        let literal = mark.literal();
        let comment = literal[1..literal.len() - 1].replace("''", "'");
        assert_eq!(Mark::read(&comment, "it's here"), Some(mark));
        assert_eq!(Mark::read(&comment, "elsewhere"), None);
        assert_eq!(Mark::read("the payroll", "it's here"), None);
    }

    #[test]
    fn what_a_living_run_made_is_no_leftover() {
        let living = LivingSessions(BTreeMap::from([
            (7, Some("17.5".to_owned())),
            (10, Some("20".to_owned())),
            (11, None),
        ]));
        let standing =
            |maker: Maker| Mark::new("i", Some(maker), Role::Copy).standing("me", &living);
        assert_eq!(standing(maker("me", 8, false)), Standing::Own);
        assert_eq!(standing(maker("other", 7, false)), Standing::InUse);
        assert_eq!(standing(maker("other", 9, false)), Standing::Leftover);
        assert_eq!(standing(maker("other", 9, true)), Standing::Kept);
        // A later session of the same number, and one that the role may not look into.
        assert_eq!(standing(maker("other", 10, false)), Standing::Leftover);
        assert_eq!(standing(maker("other", 11, false)), Standing::InUse);
    }
}
