//! Statements inside functions and triggers: while a sample runs, auto_explain sends the plan of each to the client as a notice.
//!
//! They are added up as they arrive, so that memory does not grow with the number of executions.

mod context;

use std::sync::{Arc, Mutex, PoisonError};

use tokio_postgres::Client;
use tokio_postgres::error::DbError;

use crate::plan::outline::rows_removed;
use crate::plan::{Plan, PlanShape, digest, work};
use crate::postgres::connect::{Listening, Session};
use crate::postgres::version::Version;
use crate::run::nested::{NestedResult, Within};
use crate::run::plan_result::{BufferCounts, WalCounts};

/// Loads auto_explain into a session, where it does nothing until it is told to.
const LOAD: &str = "load 'auto_explain'";

/// Different statements that are kept; what comes after them is only counted.
const MOST_ENTRIES: usize = 200;

/// Bytes of plans and texts that are kept of a sample, all entries together.
const MOST_BYTES: usize = 32 << 20;

/// Longer texts are cut.
const MOST_TEXT: usize = 10_000;

/// The settings for one transaction in which the plans of nested statements are sent, with everything a counting sample tells. As
/// notices: they reach a client as it is, and do not fill the server's log. Contexts are in English, to be read.
fn settings(version: Version) -> String {
    let mut settings = String::from(
        "set local auto_explain.log_min_duration = 0; set local auto_explain.log_nested_statements = on; \
         set local auto_explain.sample_rate = 1; set local auto_explain.log_level = notice; \
         set local auto_explain.log_format = json; set local auto_explain.log_analyze = on; \
         set local auto_explain.log_buffers = on; set local auto_explain.log_wal = on; \
         set local auto_explain.log_timing = on; set local auto_explain.log_triggers = on; \
         set local auto_explain.log_verbose = on; set local auto_explain.log_settings = on; \
         set local client_min_messages = notice; set local lc_messages = 'C'",
    );
    if version.major >= 16 {
        // Values of parameters are data, and may be large.
        settings += "; set local auto_explain.log_parameter_max_length = 0";
    }
    settings
}

/// Whether a session of this kind may have the plans of nested statements sent.
///
/// # Errors
/// What the server says where it may not: the library is not installed, or the right to load it is missing.
pub async fn probe(client: &Client, version: Version) -> Result<(), tokio_postgres::Error> {
    let tried = client
        .batch_execute(&format!("begin; {LOAD}; {}", settings(version)))
        .await;
    let ended = client.batch_execute("rollback").await;
    tried.and(ended)
}

/// Makes a session able to send them. Only where [`probe`] succeeded.
///
/// # Errors
/// If the server refuses all the same.
pub(super) async fn load(client: &Client) -> Result<(), tokio_postgres::Error> {
    client.batch_execute(LOAD).await
}

/// The nested statements of a sample.
#[derive(Debug, Default)]
pub struct Nested {
    /// By statement, place and shape; those that touched the most pages first. `dump` is the plan itself here, not a file's name.
    pub entries: Vec<NestedResult>,
    /// Executions in no entry.
    pub left_out: u64,
}

/// Hears the plans of nested statements in a session.
pub(super) struct Collecting<'s> {
    heard: Arc<Mutex<Heard>>,
    _listening: Listening<'s>,
    /// What the sample's transaction begins with.
    pub(super) settings: String,
}

impl Collecting<'_> {
    pub(super) fn begin(session: &Session, version: Version) -> Collecting<'_> {
        let heard = Arc::new(Mutex::new(Heard::within(MOST_ENTRIES, MOST_BYTES)));
        let kept = Arc::clone(&heard);
        let listening = session.listen(move |notice| {
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.hear(notice);
        });
        Collecting {
            heard,
            _listening: listening,
            settings: settings(version),
        }
    }

    pub(super) fn finish(self) -> Nested {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *heard).finish()
    }
}

/// What was heard so far.
#[derive(Debug, Default)]
struct Heard {
    entries: Vec<Entry>,
    left_out: u64,
    bytes: usize,
    most_entries: usize,
    most_bytes: usize,
}

/// One statement at one place with one shape.
#[derive(Debug)]
struct Entry {
    result: NestedResult,
    /// Pages of the execution whose plan is kept.
    dumped_pages: u64,
}

/// The part of a notice before the plan.
const BEFORE_PLAN: &str = "plan:\n";

impl Heard {
    fn within(most_entries: usize, most_bytes: usize) -> Heard {
        Heard {
            most_entries,
            most_bytes,
            ..Heard::default()
        }
    }

    /// Notices of others (RAISE among them) are told by the source file they come from, which no function can choose.
    fn hear(&mut self, notice: &DbError) {
        if !notice
            .file()
            .is_some_and(|file| file.ends_with("auto_explain.c"))
        {
            return;
        }
        if let Some((_, plan)) = notice.message().split_once(BEFORE_PLAN) {
            self.add(plan, notice.where_());
        }
    }

    /// Adds an execution, given as auto_explain prints it, with its context.
    fn add(&mut self, dump: &str, context: Option<&str>) {
        let plan = Plan::parse(dump)
            .ok()
            .and_then(|plans| plans.into_iter().next());
        let Some(plan) = plan else {
            self.left_out += 1;
            return;
        };
        let text = plan.query_text.as_deref().unwrap_or_default();
        if context.is_none() && is_ours(text) {
            return;
        }
        let within = context.and_then(|context| context::within(context, text));
        let statement = cut(context::own_text(text, within.as_ref()));
        let execution = execution(&plan, statement, within);
        self.add_up(execution, dump);
    }

    fn add_up(&mut self, execution: NestedResult, dump: &str) {
        let pages = execution.buffers.total;
        let same = |entry: &&mut Entry| {
            let known = &entry.result;
            known.shape == execution.shape
                && known.within == execution.within
                && known.statement == execution.statement
        };
        if let Some(entry) = self.entries.iter_mut().find(same) {
            let sum = &mut entry.result;
            sum.calls += 1;
            sum.rows += execution.rows;
            sum.rows_removed += execution.rows_removed;
            sum.buffers += execution.buffers;
            sum.wal += execution.wal;
            let bytes = self.bytes - sum.dump.len() + dump.len();
            if pages > entry.dumped_pages && bytes <= self.most_bytes {
                self.bytes = bytes;
                entry.dumped_pages = pages;
                dump.clone_into(&mut sum.dump);
                sum.digest = execution.digest;
            }
            return;
        }
        let bytes = self.bytes + dump.len() + execution.statement.len();
        if self.entries.len() >= self.most_entries || bytes > self.most_bytes {
            self.left_out += 1;
            return;
        }
        self.bytes = bytes;
        let result = NestedResult {
            dump: dump.to_owned(),
            ..execution
        };
        self.entries.push(Entry {
            result,
            dumped_pages: pages,
        });
    }

    fn finish(self) -> Nested {
        let mut entries: Vec<NestedResult> =
            self.entries.into_iter().map(|entry| entry.result).collect();
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.buffers.total));
        Nested {
            entries,
            left_out: self.left_out,
        }
    }
}

/// Whether a text that no function executes is our own command: the outer statement, whose plan EXPLAIN gives.
fn is_ours(text: &str) -> bool {
    text.starts_with("explain (") || text.starts_with("prepare pgqa_")
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(MOST_TEXT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// One execution, without its dump.
fn execution(plan: &Plan, statement: String, within: Option<Within>) -> NestedResult {
    let total = work(plan).total;
    NestedResult {
        statement,
        within,
        calls: 1,
        shape: PlanShape::of(plan).id(),
        digest: digest(plan),
        rows: plan.rows(),
        rows_removed: rows_removed(plan),
        buffers: BufferCounts::from(&total.buffers),
        wal: WalCounts::from(&total.wal),
        dump: String::new(),
    }
}

#[cfg(test)]
mod tests;
