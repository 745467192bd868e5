//! Which of its jobs a call settled, as far as its answer tells.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::{Answer, FetchedJob, Serving, raw};
use crate::sql::part::{Part, parts};

/// Which of the jobs given to it a call settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// All.
    All,
    /// These: true for a job that was settled.
    Some(Vec<bool>),
    /// The statement does not say which; so many rows were affected, at most as many as there are jobs.
    Unknown(u64),
}

impl Settled {
    fn of(settled: Vec<bool>) -> Settled {
        if settled.iter().all(|settled| *settled) {
            Settled::All
        } else {
            Settled::Some(settled)
        }
    }
}

/// What the number of rows that a statement came to says of its jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// So many were changed: insert, update, delete, merge.
    Changes,
    /// So many came back, whatever a function behind them did.
    Selects,
    /// Nothing: call.
    Calls,
}

impl Command {
    /// The command of a statement: its first word, or after `with` the first one outside of brackets.
    pub(super) fn of(sql: &str) -> Command {
        let mut depth = 0_u32;
        for part in parts(sql) {
            match part.text {
                "(" => depth += 1,
                ")" => depth = depth.saturating_sub(1),
                _ if depth == 0 => {
                    if let Some(command) = Command::named(&part) {
                        return command;
                    }
                }
                _ => {}
            }
        }
        Command::Selects
    }

    fn named(part: &Part<'_>) -> Option<Command> {
        let is = |words: &[&str]| words.iter().any(|word| part.is_word(word));
        if is(&["insert", "update", "delete", "merge"]) {
            Some(Command::Changes)
        } else if is(&["select", "values", "table"]) {
            Some(Command::Selects)
        } else if is(&["call"]) {
            Some(Command::Calls)
        } else {
            None
        }
    }
}

/// Returned columns that tell the job, each with the fetched column it equals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct KeyColumns {
    pub(super) pairs: Vec<(usize, usize)>,
    /// Whether they have the same names; else it is one of the same type.
    pub(super) are_named: bool,
}

impl Serving {
    /// How many jobs a call changed to which none were given, a rescue say: as many as it affected or returned. One row of a function or an
    /// aggregate is no job: if it is a number it is theirs, else nothing is known of any.
    #[must_use]
    pub fn changed(&self, answer: &Answer) -> u64 {
        let answering = &self.layout.steps[self.layout.answering];
        match answer.rows.as_slice() {
            [only] if answering.command != Command::Changes => number(only).unwrap_or(0),
            rows => answer.affected.max(rows.len() as u64),
        }
    }

    /// Which of the jobs given to a call it settled: those whose key a statement returned; where none does, all, if as many rows were
    /// affected. A function that was selected and answers otherwise than with keys says nothing of them: it settled all, as it answered
    /// without an error.
    #[must_use]
    pub fn settled(&self, answer: &Answer, jobs: &[&FetchedJob]) -> Settled {
        let steps = &self.layout.steps;
        if self.layout.per_job {
            if steps[self.layout.deciding()].command == Command::Calls {
                return Settled::All;
            }
            return Settled::of(answer.by_call.iter().map(|rows| *rows > 0).collect());
        }
        let all = jobs.len() as u64;
        if self.steps.len() == 1 && answer.affected >= all {
            return Settled::All;
        }
        let mut settled = vec![false; jobs.len()];
        let mut known = false;
        for (step, rows, _) in answer.parts(self.layout.answering) {
            let step = &steps[step];
            // One value of the same type may be what a function returns: the number of jobs, say.
            let may_be_other = !step.keys.are_named && step.command == Command::Selects;
            if may_be_other && rows.len() == 1 && jobs.len() > 1 {
                continue;
            }
            if let Some(keys) = Keys::of(&step.keys.pairs, jobs) {
                known = true;
                for job in rows.iter().filter_map(|row| keys.job(row)) {
                    settled[job] = true;
                }
            }
        }
        if known {
            return Settled::of(settled);
        }
        let changed = answer.parts(self.layout.answering);
        let changed = changed.filter(|(step, _, _)| steps[*step].command == Command::Changes);
        let changed: Vec<u64> = changed.map(|(_, _, rows)| rows).collect();
        let in_sum: u64 = changed.iter().sum();
        if changed.is_empty() || changed.contains(&all) || in_sum == all {
            return Settled::All;
        }
        Settled::Unknown(in_sum.min(all))
    }
}

/// The only value of a row, where it is a whole number of at least 0.
fn number(row: &Row) -> Option<u64> {
    let [column] = row.columns() else {
        return None;
    };
    let found = match *column.type_() {
        Type::INT2 => row.try_get::<_, Option<i16>>(0).ok()?.map(i64::from),
        Type::INT4 => row.try_get::<_, Option<i32>>(0).ok()?.map(i64::from),
        Type::INT8 => row.try_get(0).ok()?,
        _ => None,
    };
    u64::try_from(found?).ok()
}

/// Jobs by the values of the columns that tell them apart.
pub(super) struct Keys<'a> {
    returned: Vec<usize>,
    jobs: HashMap<Vec<Option<&'a [u8]>>, usize>,
}

impl<'a> Keys<'a> {
    /// None where there is no such column, or several jobs have the same values in them. Of one that was fetched twice the first counts.
    pub(super) fn of(pairs: &[(usize, usize)], jobs: &[&'a FetchedJob]) -> Option<Keys<'a>> {
        if pairs.is_empty() {
            return None;
        }
        let mut known = HashMap::with_capacity(jobs.len());
        for (index, job) in jobs.iter().enumerate() {
            let key = pairs.iter().map(|(_, fetched)| raw(&job.row, *fetched));
            match known.entry(key.collect()) {
                Entry::Vacant(place) => {
                    place.insert(index);
                }
                Entry::Occupied(earlier) => {
                    let seq = jobs[*earlier.get()].seq;
                    if seq.is_none() || seq != job.seq {
                        return None;
                    }
                }
            }
        }
        Some(Keys {
            returned: pairs.iter().map(|(returned, _)| *returned).collect(),
            jobs: known,
        })
    }

    pub(super) fn job(&self, row: &Row) -> Option<usize> {
        let key: Vec<Option<&[u8]>> = self.returned.iter().map(|index| raw(row, *index)).collect();
        self.jobs.get(&key).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_the_first_word_outside_of_brackets() {
        let cases = [
            ("select complete(:ids)", Command::Selects),
            (
                "-- why\nDELETE from job where id in (select 1)",
                Command::Changes,
            ),
            (
                "with gone as (delete from job returning id) select count(*) from gone",
                Command::Selects,
            ),
            (
                "with one (id) as (select 1) update job set done = true from one returning job.id",
                Command::Changes,
            ),
            ("call complete(:ids)", Command::Calls),
            ("(select 1) union all (select 2)", Command::Selects),
        ];
        for (sql, expected) in cases {
            assert_eq!(Command::of(sql), expected, "{sql}");
        }
    }
}
