//! auto_explain's entries in the logs of a server: counted by statement and shape, the dearest of each kept.
//!
//! A log is read in blocks that end between entries; several are worked on at once and their counts are joined in order, so the result
//! does not depend on where a block ends, and the memory not on the size of the log. Most entries are never parsed: see `sketch`.

mod after_root;
mod blocks;
mod entry;
mod known;
mod sketch;
mod surroundings;
mod tally;
#[cfg(test)]
mod tests;

use std::io::Read;

use memchr::memchr_iter;
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};

use self::blocks::{Block, Blocks};
use self::known::Known;
use self::sketch::Scratch;
use self::tally::{MOST_SHAPES, Place, ShapeTally, StatementTally, Tally};
use super::FoundPlan;
use crate::run::review::{Flip, LoggedShape, LoggedStatement, Problem, Source};

/// Bytes of a block.
const BLOCK_BYTES: usize = 1 << 20;

/// Blocks worked on at once, for each thread; as many more are read meanwhile.
const BLOCKS_A_THREAD: usize = 8;

/// So many entries of a file that cannot be read are listed.
const MOST_PROBLEMS: usize = 20;

/// What logs have.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LogReview {
    /// The statements, those that touched the most pages first (by time where no entry has pages).
    pub statements: Vec<LoggedStatement>,
    /// The dearest entry of each statement and shape, in the order of the logs; [`LoggedShape::plan`] is a place in it.
    pub plans: Vec<FoundPlan>,
    /// What could not be read.
    pub problems: Vec<Problem>,
}

/// Reads one log; see [`Logs::read`].
pub fn read_log(path: &str, input: impl Read + Send) -> LogReview {
    let mut logs = Logs::default();
    logs.read(path, input);
    logs.finish()
}

/// The logs of one server, read in the order in which they were written.
#[derive(Debug)]
pub struct Logs {
    block_bytes: usize,
    known: Known,
    tally: Tally,
    files: Vec<LogFile>,
    problems: Vec<Problem>,
}

/// A log that was read.
#[derive(Debug)]
struct LogFile {
    path: String,
    lines: u64,
    entries: u64,
    /// Entries that could not be read.
    damaged: u64,
}

/// What is in a block; lines are counted from its first.
#[derive(Debug, Default)]
struct Found {
    tally: Tally,
    lines: u64,
    entries: u64,
    damaged: Vec<(u64, String)>,
}

impl Default for Logs {
    fn default() -> Self {
        Self::in_blocks(BLOCK_BYTES)
    }
}

impl Logs {
    /// To be read in blocks of about so many bytes; the result is the same for any number.
    #[must_use]
    pub fn in_blocks(bytes: usize) -> Self {
        Logs {
            block_bytes: bytes,
            known: Known::default(),
            tally: Tally::default(),
            files: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// Reads a log, plain or gzip: stderr with any prefix, csvlog or jsonlog. `path` is its name in what is found.
    pub fn read(&mut self, path: &str, input: impl Read + Send) {
        let path = path.to_owned();
        self.files.push(LogFile {
            path,
            lines: 0,
            entries: 0,
            damaged: 0,
        });
        let mut blocks = Blocks::new(input, self.block_bytes);
        let at_once = BLOCKS_A_THREAD.saturating_mul(rayon::current_num_threads());
        let mut batch = blocks.next(at_once);
        while !batch.is_empty() {
            let known = &self.known;
            let work = || {
                batch
                    .par_iter()
                    .map(|block| Found::in_block(block, known))
                    .collect()
            };
            let (found, next): (Vec<Found>, _) = rayon::join(work, || blocks.next(at_once));
            found.into_iter().for_each(|found| self.take(found));
            blocks.recycle(std::mem::replace(&mut batch, next));
        }
        if let Some(error) = blocks.error() {
            let message = format!(
                "cannot read the log any further: {error}; what was read before is counted"
            );
            self.problem(|file| file.lines.saturating_add(1), message);
        }
    }

    /// Joins what a block has to what the ones before it had.
    fn take(&mut self, found: Found) {
        let index = self.files.len().saturating_sub(1);
        let Some(file) = self.files.get_mut(index) else {
            return;
        };
        for (line, message) in found.damaged {
            file.damaged = file.damaged.saturating_add(1);
            if file.damaged <= MOST_PROBLEMS as u64 {
                let line = file.lines.saturating_add(line);
                self.problems.push(Problem {
                    source: Source {
                        path: file.path.clone(),
                        line,
                    },
                    message,
                });
            }
        }
        self.tally.append(found.tally, index, file.lines);
        file.lines = file.lines.saturating_add(found.lines);
        file.entries = file.entries.saturating_add(found.entries);
    }

    fn problem(&mut self, line: impl Fn(&LogFile) -> u64, message: String) {
        if let Some(file) = self.files.last() {
            let source = Source {
                path: file.path.clone(),
                line: line(file),
            };
            self.problems.push(Problem { source, message });
        }
    }

    /// What was found in all of them.
    #[must_use]
    pub fn finish(mut self) -> LogReview {
        self.tell_what_is_missing();
        let Logs {
            tally,
            files,
            mut problems,
            ..
        } = self;
        let sources = Sources(files);
        let mut statements = tally.statements();
        statements.sort_by_key(|statement| {
            let sums = statement.sums();
            (
                std::cmp::Reverse((sums.pages, sums.microseconds)),
                statement.first,
            )
        });
        let mut plans = Vec::new();
        let mut logged: Vec<LoggedStatement> = statements
            .into_iter()
            .map(|statement| sources.statement(statement, &mut plans, &mut problems))
            .collect();
        let mut order: Vec<usize> = (0..plans.len()).collect();
        order.sort_by_key(|at| plans.get(*at).map(|(place, _)| *place));
        let mut ranks = vec![0; order.len()];
        for (rank, at) in order.iter().enumerate() {
            if let Some(slot) = ranks.get_mut(*at) {
                *slot = rank;
            }
        }
        for shape in logged
            .iter_mut()
            .flat_map(|statement| &mut statement.shapes)
        {
            shape.plan = ranks.get(shape.plan).copied().unwrap_or_default();
        }
        plans.sort_by_key(|(place, _)| *place);
        LogReview {
            statements: logged,
            plans: plans.into_iter().map(|(_, plan)| plan).collect(),
            problems,
        }
    }

    /// Entries not listed one by one; how to get entries where there are none.
    fn tell_what_is_missing(&mut self) {
        let none_at_all = self
            .files
            .iter()
            .all(|file| file.entries == 0 && file.damaged == 0);
        for file in &self.files {
            let about = |line, message| Problem {
                source: Source {
                    path: file.path.clone(),
                    line,
                },
                message,
            };
            if none_at_all {
                self.problems.push(about(
                    1,
                    format!(
                        "{} lines without an entry of auto_explain; {SWITCH_ON}",
                        file.lines
                    ),
                ));
            }
            let unlisted = file.damaged.saturating_sub(MOST_PROBLEMS as u64);
            if unlisted > 0 {
                let message = format!(
                    "{unlisted} more entries of auto_explain cannot be read; the first {MOST_PROBLEMS} are listed"
                );
                self.problems.push(about(1, message));
            }
        }
        if self.tally.unlisted > 0 {
            let message = format!(
                "{} entries are not counted: they are of other statements or shapes than the first {MOST_SHAPES}; review a shorter log",
                self.tally.unlisted
            );
            self.problem(|file| file.lines, message);
        }
    }
}

/// What to write where a log has no entries.
const SWITCH_ON: &str = "switch it on with session_preload_libraries = 'auto_explain', auto_explain.log_min_duration = '100ms', \
    auto_explain.log_analyze = on, auto_explain.log_buffers = on, auto_explain.log_nested_statements = on and auto_explain.log_format = json \
    in postgresql.conf, then select pg_reload_conf(); sessions that begin afterwards log their plans";

impl Found {
    /// What is in a block.
    fn in_block(block: &Block, known: &Known) -> Self {
        let text = block.text.as_slice();
        let mut found = Found::default();
        let mut scratch = Scratch::default();
        let (mut at, mut counted) = (0, 0);
        while let Some(header) = block
            .form
            .and_then(|form| entry::next_header(text, at, Some(form)))
        {
            found.lines = found
                .lines
                .saturating_add(lines(text, counted, header.start));
            counted = header.start;
            at = header.mark_end;
            let Some(entry) = entry::entry(text, &header, true) else {
                continue;
            };
            let line = found.lines.saturating_add(1);
            match known.understand(&entry, header.form, &mut scratch) {
                Ok(understood) => {
                    found
                        .tally
                        .count(&entry, understood, header.microseconds, line);
                    found.entries = found.entries.saturating_add(1);
                    at = entry.end;
                }
                // What follows is looked through too: the next entry may begin before this one is over.
                Err(error) => found.damaged.push((line, error.to_string())),
            }
        }
        found.lines = found.lines.saturating_add(lines(text, counted, text.len()));
        found
    }
}

/// The line ends between two places.
fn lines(text: &[u8], from: usize, to: usize) -> u64 {
    memchr_iter(b'\n', text.get(from..to).unwrap_or_default()).count() as u64
}

/// Names for places.
struct Sources(Vec<LogFile>);

impl Sources {
    fn name(&self, place: Place) -> Source {
        let path = self.0.get(place.file).map(|file| file.path.clone());
        Source {
            path: path.unwrap_or_default(),
            line: place.line,
        }
    }

    /// A statement; its plans are appended to `plans`.
    fn statement(
        &self,
        tally: StatementTally,
        plans: &mut Vec<(Place, FoundPlan)>,
        problems: &mut Vec<Problem>,
    ) -> LoggedStatement {
        let sums = tally.sums();
        let mut shapes = tally.shapes;
        shapes.sort_by_key(|shape| std::cmp::Reverse(shape.sums.calls));
        let flips_total = tally.flips.total;
        let flips = tally.flips.kept().map(|flip| Flip {
            source: self.name(flip.place),
            time: flip.time,
            from: flip.from.id.clone(),
            to: flip.to.id.clone(),
        });
        LoggedStatement {
            query_id: tally.statement.query_id,
            statement: tally.statement.text.clone(),
            first: self.name(tally.first),
            calls: sums.calls,
            total_ms: milliseconds(sums.microseconds),
            total_pages: sums.pages,
            flips: flips.collect(),
            flips_total,
            shapes: shapes
                .into_iter()
                .map(|shape| self.shape(shape, plans, problems))
                .collect(),
        }
    }

    fn shape(
        &self,
        tally: ShapeTally,
        plans: &mut Vec<(Place, FoundPlan)>,
        problems: &mut Vec<Problem>,
    ) -> LoggedShape {
        let source = self.name(tally.dearest.place);
        let plan = known::read_plan(&tally.dearest.body).unwrap_or_else(|error| {
            let message = format!("{error}; another plan with the same shape is shown");
            problems.push(Problem {
                source: source.clone(),
                message,
            });
            tally.shape.sample.clone()
        });
        plans.push((
            tally.dearest.place,
            found_plan(source, plan, tally.dearest.cost.1),
        ));
        LoggedShape {
            shape: tally.shape.id.clone(),
            digest: tally.shape.digest.clone(),
            calls: tally.sums.calls,
            total_ms: milliseconds(tally.sums.microseconds),
            max_ms: milliseconds(tally.max_microseconds),
            total_pages: tally.sums.pages,
            max_pages: tally.max_pages,
            first: self.name(tally.first),
            last: self.name(tally.last),
            plan: plans.len() - 1,
        }
    }
}

/// auto_explain tells the execution time in front of the plan.
fn found_plan(source: Source, mut plan: crate::plan::Plan, microseconds: u64) -> FoundPlan {
    if plan.root.actual.is_some() {
        plan.execution_ms = plan.execution_ms.or(Some(milliseconds(microseconds)));
    }
    FoundPlan {
        source,
        statement: plan.query_text.clone(),
        plan,
    }
}

fn milliseconds(microseconds: u64) -> f64 {
    microseconds as f64 / 1_000.0
}
