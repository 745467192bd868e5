//! What a caller gives a statement under load, and how each of it is written in binary.

use std::time::{Duration, SystemTime};

use bytes::{BufMut, BytesMut};
use tokio_postgres::types::{Kind, Type};

use super::FetchedJob;
use crate::definition::operation::Operation;

/// Seconds from the start of 1970 to the start of 2000, PostgreSQL's zero.
const ZERO: u64 = 946_684_800;

/// What a job without a result of its own leaves.
const NO_RESULT: &str = r#"{"ok": true}"#;

/// A moment as PostgreSQL keeps it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp {
    /// Microseconds since 2000-01-01 00:00 UTC.
    pub microseconds: i64,
}

impl Timestamp {
    /// 3000-01-01: every job of every fixture is due by then, and every claim is long over.
    pub const AFTER_EVERY_JOB: Timestamp = Timestamp {
        microseconds: 365_243 * 86_400 * 1_000_000,
    };
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Timestamp {
        let zero = SystemTime::UNIX_EPOCH + Duration::from_secs(ZERO);
        let whole = |span: Duration| i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        let microseconds = match time.duration_since(zero) {
            Ok(after) => whole(after),
            Err(before) => -whole(before.duration()),
        };
        Timestamp { microseconds }
    }
}

/// How a worker is done with a job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The task was done.
    #[default]
    Completed,
    /// The task reported an error.
    Failed,
    /// The job is handed back unworked.
    Released,
}

impl Outcome {
    /// The word that statements know it by.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Completed => "completed",
            Outcome::Failed => "failed",
            Outcome::Released => "released",
        }
    }
}

/// A job to be added.
#[derive(Clone, Copy, Debug, Default)]
pub struct NewJob<'a> {
    /// Its queue.
    pub queue: &'a str,
    /// Its task.
    pub task_key: &'a str,
    /// What no two jobs have in common; null where there is none.
    pub unique_key: Option<&'a str>,
    /// Its priority; lower is served first.
    pub priority: i32,
    /// When it is due.
    pub run_at: Timestamp,
    /// Its payload, in JSON.
    pub payload: &'a str,
}

/// What is given to one call of a statement. What the statement declares is bound, the rest is passed over; where a list has no entry
/// for a job, the job is completed, without an error and with an unremarkable result.
#[derive(Clone, Copy, Debug, Default)]
pub struct Input<'a> {
    /// The queue a fetch is to take from.
    pub queue: &'a str,
    /// All queues, for a fetch that takes from several at once.
    pub queues: &'a [String],
    /// The worker's name.
    pub worker: &'a str,
    /// How many jobs are asked for.
    pub batch_size: u64,
    /// The present, or what is to be taken for it.
    pub now: Timestamp,
    /// The jobs it is about, as a fetch returned them.
    pub jobs: &'a [&'a FetchedJob],
    /// How each of `jobs` ended.
    pub outcomes: &'a [Outcome],
    /// Why, for those that failed.
    pub errors: &'a [Option<String>],
    /// The result of each of `jobs` or of its step, in JSON.
    pub results: &'a [String],
    /// The step that was done of each of `jobs`.
    pub step_keys: &'a [String],
    /// Jobs to add.
    pub new_jobs: &'a [NewJob<'a>],
}

/// A value the caller gives, by the name of the parameter that takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Given {
    Queue,
    Queues,
    Worker,
    BatchSize,
    Now,
    Outcome,
    Error,
    Result,
    StepKey,
    NewQueue,
    TaskKey,
    UniqueKey,
    Priority,
    RunAt,
    Payload,
}

/// How many of a value there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// One a call.
    Call,
    /// One for each of the queues.
    Queue,
    /// One for each of the jobs that were fetched.
    Job,
    /// One for each of the jobs that are added.
    NewJob,
}

impl Given {
    /// The value that a parameter of this name takes in an operation, and whether the name means an array of them.
    pub(super) fn of(name: &str, operation: Operation) -> Option<(Given, bool)> {
        let known = match name {
            "worker" => (Given::Worker, false),
            "batch_size" => (Given::BatchSize, false),
            "now" => (Given::Now, false),
            _ if operation == Operation::Enqueue => return Given::of_a_new_job(name),
            "queue" => (Given::Queue, false),
            _ => match operation {
                Operation::StepSave => match name {
                    "step_key" => (Given::StepKey, false),
                    "step_keys" => (Given::StepKey, true),
                    "result" => (Given::Result, false),
                    "results" => (Given::Result, true),
                    _ => return None,
                },
                Operation::Complete | Operation::Fail | Operation::Release => {
                    return Given::of_an_ended_job(name);
                }
                _ if name == "queues" => (Given::Queues, true),
                _ => return None,
            },
        };
        Some(known)
    }

    fn of_a_new_job(name: &str) -> Option<(Given, bool)> {
        Some(match name {
            "queue" => (Given::NewQueue, false),
            "queues" => (Given::NewQueue, true),
            "task_key" => (Given::TaskKey, false),
            "task_keys" => (Given::TaskKey, true),
            "unique_key" => (Given::UniqueKey, false),
            "unique_keys" => (Given::UniqueKey, true),
            "priority" => (Given::Priority, false),
            "priorities" => (Given::Priority, true),
            "run_at" => (Given::RunAt, false),
            "run_ats" => (Given::RunAt, true),
            "payload" => (Given::Payload, false),
            "payloads" => (Given::Payload, true),
            _ => return None,
        })
    }

    fn of_an_ended_job(name: &str) -> Option<(Given, bool)> {
        Some(match name {
            "outcome" => (Given::Outcome, false),
            "outcomes" => (Given::Outcome, true),
            "error" => (Given::Error, false),
            "errors" => (Given::Error, true),
            "result" => (Given::Result, false),
            "results" => (Given::Result, true),
            _ => return None,
        })
    }

    pub(super) fn extent(self) -> Extent {
        match self {
            Given::Queue | Given::Worker | Given::BatchSize | Given::Now => Extent::Call,
            Given::Queues => Extent::Queue,
            Given::Outcome | Given::Error | Given::Result | Given::StepKey => Extent::Job,
            Given::NewQueue
            | Given::TaskKey
            | Given::UniqueKey
            | Given::Priority
            | Given::RunAt
            | Given::Payload => Extent::NewJob,
        }
    }

    /// Whether one value for several jobs would be wrong for all but one: such a statement takes one job a call.
    pub(super) fn is_of_one_job(self) -> bool {
        matches!(self, Given::Outcome | Given::StepKey)
    }

    /// What its type may be, for messages.
    pub(super) fn types(self) -> &'static str {
        match self {
            Given::BatchSize | Given::Priority => "int",
            Given::Now | Given::RunAt => "timestamptz",
            Given::Result | Given::Payload => "jsonb, json, text or bytea",
            _ => "text",
        }
    }

    /// How it is written as a value of this type (no domain); none if it cannot be.
    pub(super) fn form(self, type_: &Type) -> Option<Form> {
        match self {
            Given::BatchSize | Given::Priority => match *type_ {
                Type::INT2 => Some(Form::Smallint),
                Type::INT4 => Some(Form::Integer),
                Type::INT8 => Some(Form::Bigint),
                _ => None,
            },
            Given::Now | Given::RunAt => (*type_ == Type::TIMESTAMPTZ).then_some(Form::Bigint),
            Given::Result | Given::Payload => match *type_ {
                Type::JSONB => Some(Form::VersionedText),
                Type::JSON | Type::BYTEA => Some(Form::Text),
                _ => is_text(type_).then_some(Form::Text),
            },
            _ => is_text(type_).then_some(Form::Text),
        }
    }

    /// Writes the value for the job at an index; none is null.
    pub(super) fn write(
        self,
        form: Form,
        input: &Input<'_>,
        index: usize,
        out: &mut BytesMut,
    ) -> Option<()> {
        let new = |index: usize| input.new_jobs.get(index);
        match self {
            Given::Queue => form.text(input.queue, out),
            Given::Queues => form.text(input.queues.get(index)?, out),
            Given::Worker => form.text(input.worker, out),
            Given::BatchSize => {
                let size = i64::try_from(input.batch_size).unwrap_or(i64::MAX);
                form.number(size, out);
            }
            Given::Now => form.number(input.now.microseconds, out),
            Given::Outcome => {
                let outcome = input.outcomes.get(index).copied().unwrap_or_default();
                form.text(outcome.name(), out);
            }
            Given::Error => form.text(input.errors.get(index)?.as_deref()?, out),
            Given::Result => {
                let result = input.results.get(index).map_or(NO_RESULT, String::as_str);
                form.text(result, out);
            }
            Given::StepKey => form.text(input.step_keys.get(index)?, out),
            Given::NewQueue => form.text(new(index)?.queue, out),
            Given::TaskKey => form.text(new(index)?.task_key, out),
            Given::UniqueKey => form.text(new(index)?.unique_key?, out),
            Given::Priority => form.number(i64::from(new(index)?.priority), out),
            Given::RunAt => form.number(new(index)?.run_at.microseconds, out),
            Given::Payload => form.text(new(index)?.payload, out),
        }
        Some(())
    }
}

/// Types whose binary form is their text.
fn is_text(type_: &Type) -> bool {
    let known = [Type::TEXT, Type::VARCHAR, Type::BPCHAR, Type::NAME];
    known.contains(type_) || matches!(type_.kind(), Kind::Enum(_)) || type_.name() == "citext"
}

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Text,
    /// Behind the version of jsonb's binary form.
    VersionedText,
    Smallint,
    Integer,
    Bigint,
}

impl Form {
    fn text(self, text: &str, out: &mut BytesMut) {
        if self == Form::VersionedText {
            out.put_u8(1);
        }
        out.put_slice(text.as_bytes());
    }

    /// What a narrow type cannot hold becomes the most it can: nothing here may fail, or half a pipelined transaction would be sent.
    fn number(self, number: i64, out: &mut BytesMut) {
        match self {
            Form::Smallint => out.put_i16(clamp(number, i16::MIN, i16::MAX)),
            Form::Integer => out.put_i32(clamp(number, i32::MIN, i32::MAX)),
            Form::Bigint | Form::Text | Form::VersionedText => out.put_i64(number),
        }
    }
}

fn clamp<N: TryFrom<i64>>(number: i64, least: N, most: N) -> N {
    N::try_from(number).unwrap_or(if number < 0 { least } else { most })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_count_from_2000() {
        let seconds = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let microseconds = |time: SystemTime| Timestamp::from(time).microseconds;
        assert_eq!(microseconds(seconds(946_684_800)), 0);
        assert_eq!(microseconds(seconds(946_684_801)), 1_000_000);
        assert_eq!(microseconds(seconds(946_684_799)), -1_000_000);
        // 32,503,680,000 is what `date -u -d 3000-01-01 +%s` says.
        assert_eq!(
            Timestamp::from(seconds(32_503_680_000)),
            Timestamp::AFTER_EVERY_JOB
        );
    }

    #[test]
    fn numbers_are_written_as_wide_as_their_type() {
        let written = |type_: &Type, size: u64| {
            let input = Input {
                batch_size: size,
                ..Input::default()
            };
            let mut out = BytesMut::new();
            let form = Given::BatchSize.form(type_).expect("a whole number");
            Given::BatchSize.write(form, &input, 0, &mut out);
            out.to_vec()
        };
        assert_eq!(written(&Type::INT2, 258), [1, 2]);
        assert_eq!(written(&Type::INT2, 100_000), i16::MAX.to_be_bytes());
        assert_eq!(written(&Type::INT4, 258), [0, 0, 1, 2]);
        assert_eq!(written(&Type::INT8, 258), [0, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!(Given::BatchSize.form(&Type::NUMERIC), None);
        assert_eq!(Given::Now.form(&Type::TIMESTAMP), None);
    }

    #[test]
    fn a_result_is_json_in_the_form_of_its_type() {
        let written = |type_: Type, results: &[String]| {
            let input = Input {
                results,
                ..Input::default()
            };
            let mut out = BytesMut::new();
            let form = Given::Result.form(&type_).expect("a type for JSON");
            Given::Result.write(form, &input, 0, &mut out);
            out.to_vec()
        };
        let given = ["{\"a\": 1}".to_owned()];
        assert_eq!(written(Type::TEXT, &given), b"{\"a\": 1}");
        assert_eq!(written(Type::BYTEA, &given), b"{\"a\": 1}");
        assert_eq!(written(Type::JSONB, &given), b"\x01{\"a\": 1}");
        assert_eq!(written(Type::JSON, &[]), NO_RESULT.as_bytes());
        assert_eq!(Given::Result.form(&Type::INT4), None);
    }

    #[test]
    fn names_mean_what_the_operation_makes_of_them() {
        use Operation::{Complete, Enqueue, Fetch, StepSave};
        for (name, operation, expected) in [
            ("queue", Fetch, Some((Given::Queue, false))),
            ("queue", Enqueue, Some((Given::NewQueue, false))),
            ("queues", Fetch, Some((Given::Queues, true))),
            ("queues", Enqueue, Some((Given::NewQueue, true))),
            ("queues", Complete, None),
            ("task_keys", Fetch, None),
            ("task_keys", Enqueue, Some((Given::TaskKey, true))),
            ("outcomes", Complete, Some((Given::Outcome, true))),
            ("outcomes", Fetch, None),
            ("results", StepSave, Some((Given::Result, true))),
            ("step_key", StepSave, Some((Given::StepKey, false))),
            ("max_attempts", Enqueue, None),
        ] {
            assert_eq!(Given::of(name, operation), expected, "{name} {operation}");
        }
    }
}
