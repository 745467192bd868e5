//! What two runs differ in besides what is compared: fixtures, seeds, settings, versions.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::pairing::Pairing;
use super::{ComparisonError, Options};
use crate::run::baseline::{Baseline, BaselineServer};
use crate::run::environment::version_numbers;

/// So many are named in an error; the rest is counted.
const NAMED: usize = 6;

/// Characters of a value that are shown.
const VALUE_CHARACTERS: usize = 40;

/// Characters of a digest that are shown.
const DIGEST_CHARACTERS: usize = 8;

/// Something in which two runs ought to be equal and are not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unlike {
    /// What it is, for example `setting work_mem` or `seed of fixture heavy-single-queue`.
    pub what: String,
    /// In the first run.
    pub first: String,
    /// In the second run.
    pub second: String,
}

/// The first of them in a line, the rest counted.
#[must_use]
pub(super) fn listed(unlike: &[Unlike]) -> String {
    let parts = unlike.iter().take(NAMED);
    let mut parts: Vec<String> = parts
        .map(|one| format!("{} ({} and {})", one.what, one.first, one.second))
        .collect();
    let rest = unlike.len().saturating_sub(NAMED);
    if rest > 0 {
        parts.push(format!("and {rest} more"));
    }
    parts.join(", ")
}

/// A server's version without what its packager wrote behind it.
pub(super) fn version(text: &str) -> &str {
    text.split_whitespace().next().unwrap_or_default()
}

/// What helps against a difference.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Remedy {
    Server { first: u32, second: u32 },
    Program,
    Fixture,
    Settings,
}

/// What two runs differ in, and what helps.
#[derive(Debug, Default)]
pub(super) struct Differences {
    /// In the order: servers, program, fixtures, statistics.
    pub(super) unlike: Vec<Unlike>,
    remedies: BTreeSet<Remedy>,
}

impl Differences {
    /// Over what both runs have: paired servers, and fixtures and queues of both.
    pub(super) fn of(first: &Baseline, second: &Baseline, pairing: &Pairing<'_>) -> Differences {
        let mut differences = Differences::default();
        for &(one, other) in &pairing.servers {
            if let (Some(one), Some(other)) = (first.servers.get(one), second.servers.get(other)) {
                let place = if pairing.servers.len() > 1 {
                    format!(" of PostgreSQL {}", version(&other.server_version))
                } else {
                    String::new()
                };
                differences.servers(one, other, &place);
            }
        }
        let programs = [&first.program_version, &second.program_version].map(String::as_str);
        differences.add("version of pgq-analyze", programs, Remedy::Program);
        let fixtures = differences.fixtures(first, second);
        for &(one, other) in &pairing.servers {
            if let (Some(one), Some(other)) = (first.servers.get(one), second.servers.get(other))
                && version_numbers(&one.server_version) == version_numbers(&other.server_version)
            {
                differences.statistics([(first, one), (second, other)], pairing, &fixtures);
            }
        }
        differences
    }

    fn add(&mut self, what: &str, values: [&str; 2], remedy: Remedy) {
        self.add_cut(what, values, VALUE_CHARACTERS, remedy);
    }

    fn add_digests(&mut self, what: &str, digests: [&str; 2]) {
        self.add_cut(what, digests, DIGEST_CHARACTERS, Remedy::Fixture);
    }

    fn add_cut(&mut self, what: &str, values: [&str; 2], characters: usize, remedy: Remedy) {
        let [first, second] = values;
        if first == second {
            return;
        }
        self.remedies.insert(remedy);
        self.unlike.push(Unlike {
            what: what.to_owned(),
            first: cut(first, characters),
            second: cut(second, characters),
        });
    }

    /// Something that the workers were told, which ought to be equal; said once.
    pub(super) fn add_setting(&mut self, what: &str, values: [&str; 2]) {
        if self.unlike.iter().all(|known| known.what != what) {
            self.add(what, values, Remedy::Settings);
        }
    }

    /// What the runs named so differ in, where that is allowed.
    pub(super) fn unless_allowed(
        self,
        first: &str,
        second: &str,
        options: &Options,
    ) -> Result<Vec<Unlike>, ComparisonError> {
        if options.allow_different || self.unlike.is_empty() {
            return Ok(self.unlike);
        }
        let renewed = options.first_is_baseline.then_some(first);
        Err(ComparisonError::Unlike {
            first: first.to_owned(),
            second: second.to_owned(),
            hint: self.hint(renewed),
            unlike: self.unlike,
        })
    }

    fn servers(&mut self, one: &BaselineServer, other: &BaselineServer, place: &str) {
        let versions = [&one.server_version, &other.server_version].map(|text| version(text));
        let remedy = Remedy::Server {
            first: version_numbers(&one.server_version).0,
            second: version_numbers(&other.server_version).0,
        };
        self.add("PostgreSQL version", versions, remedy.clone());
        let sizes = [one.block_size, other.block_size];
        // 0 is not known.
        if !sizes.contains(&0) {
            let sizes = sizes.map(|bytes| format!("{bytes} bytes"));
            let what = format!("page size{place}");
            self.add(&what, [&sizes[0], &sizes[1]], remedy);
        }
        let profiles = [&one.profile, &other.profile].map(String::as_str);
        let what = format!("settings profile{place}");
        self.add(&what, profiles, Remedy::Settings);
        let names: BTreeSet<&String> = one.settings.keys().chain(other.settings.keys()).collect();
        for name in names {
            let value = |server: &BaselineServer| {
                let value = server.settings.get(name).cloned();
                value.unwrap_or_else(|| "its default".to_owned())
            };
            let what = format!("setting {name}{place}");
            self.add(&what, [&value(one), &value(other)], Remedy::Settings);
        }
    }

    /// The fixtures of both runs; returned are the names of those that are equal.
    fn fixtures<'b>(&mut self, first: &'b Baseline, second: &Baseline) -> Vec<&'b str> {
        let mut equal = Vec::new();
        for (name, one) in &first.fixtures {
            let Some(other) = second.fixtures.get(name) else {
                continue;
            };
            if one == other {
                equal.push(name.as_str());
                continue;
            }
            let numbers = [
                ("seed", one.seed, other.seed),
                ("jobs", one.jobs, other.jobs),
            ];
            for (what, one, other) in numbers {
                let values = [one.to_string(), other.to_string()];
                let what = format!("{what} of fixture {name}");
                self.add(&what, [&values[0], &values[1]], Remedy::Fixture);
            }
            // A digest follows from seed and jobs too: it tells something only where these are equal.
            if one.seed == other.seed && one.jobs == other.jobs {
                let what = format!("what fixture {name} is made of");
                self.add_digests(&what, [&one.digest, &other.digest]);
            }
        }
        equal
    }

    /// The planner's statistics of equal tables on equal fixtures.
    fn statistics(
        &mut self,
        sides: [(&Baseline, &BaselineServer); 2],
        pairing: &Pairing<'_>,
        fixtures: &[&str],
    ) {
        for (one, other) in &pairing.queues {
            let names = [*one, *other];
            let tables = [0, 1].map(|at| {
                let queue = sides[at].0.queues.get(names[at]);
                queue.map_or("", |queue| queue.tables.as_str())
            });
            if tables[0].is_empty() || tables[0] != tables[1] {
                continue;
            }
            for fixture in fixtures {
                let digests = [0, 1].map(|at| sides[at].1.statistics.get(*fixture)?.get(names[at]));
                if let [Some(one), Some(other)] = &digests {
                    let what = format!("planner statistics of {} on {fixture}", names[1]);
                    self.add_digests(&what, [one, other]);
                }
            }
        }
    }

    /// What to do about them; where the first run is a baseline file, its name, as it can be renewed.
    pub(super) fn hint(&self, baseline: Option<&str>) -> String {
        let alike = self.remedies.iter().map(|remedy| match remedy {
            Remedy::Server { first, second } => {
                let major = if baseline.is_some() { first } else { second };
                format!("on one server (--postgres {major})")
            }
            Remedy::Program => "with one version of pgq-analyze".to_owned(),
            Remedy::Fixture => "on equal fixtures (the same files, --seed and --rows)".to_owned(),
            Remedy::Settings => "with equal settings".to_owned(),
        });
        let alike = alike.collect::<Vec<_>>().join(", ");
        match baseline {
            Some(name) => format!(
                "measure as the baseline was, {alike}, or renew it: \
                 `pgq-analyze compare-plans … --baseline {name} --update-baseline`"
            ),
            None => format!("measure both {alike}"),
        }
    }
}

fn cut(text: &str, characters: usize) -> String {
    if text.chars().count() <= characters {
        return text.to_owned();
    }
    let kept: String = text.chars().take(characters - 1).collect();
    format!("{kept}…")
}
