//! A worker starts tasks and ends them.

use super::held::Delivered;
use super::{Failure, Worker};
use crate::definition::operation::Operation;
use crate::definition::scenario::Task;
use crate::load::clock::{now_ns, thread_cpu_ns};
use crate::load::task::ending::Ending;
use crate::load::task::guard::{PANICKED, guarded};
use crate::load::task::{perform, steps};
use crate::run::throughput::WorkerState;
use crate::statement::serving::{FetchedJob, Input, Outcome};

/// What a task that is to fail says.
const FAILED: &str = "the task failed, as the scenario asks for";

impl Worker<'_> {
    /// Starts the task of the next buffered job.
    pub(super) async fn start_task(&mut self, now: u64) -> Result<(), Failure> {
        let first = self.held.buffered.front();
        let is_released = first.is_some_and(|delivered| delivered.ending == Ending::Release);
        let task = self.post.assignment.task;
        // What waits for the server may be cut off: until it is over the job stays where it is.
        match task {
            _ if is_released => {}
            Task::ReadWrite { within: false, .. } => return self.read_and_write().await,
            Task::Steps { count } => return self.do_steps(count).await,
            _ => {}
        }
        let Some(delivered) = self.held.buffered.pop_front() else {
            return Ok(());
        };
        match task {
            _ if is_released => self.conclude(delivered, Ok(()), now),
            Task::Io { wait } => {
                self.busy.begin(now);
                let wait_ns = u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
                let until_ns = now.saturating_add(wait_ns);
                self.held.waiting.push(until_ns, delivered);
            }
            Task::Cpu { .. } | Task::Memory { .. } => self.perform(delivered),
            Task::Noop | Task::ReadWrite { .. } | Task::Steps { .. } => {
                self.conclude(delivered, Ok(()), now);
            }
        }
        Ok(())
    }

    /// Ends the tasks whose wait is over.
    pub(super) fn end_waits(&mut self, now: u64) {
        while let Some(delivered) = self.held.waiting.pop_due(now) {
            if let Task::Io { wait } = self.post.assignment.task {
                let wait_ns = u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
                self.counters.task_amount.add(wait_ns);
            }
            self.counters.task_busy_ns.add(self.busy.end(now));
            self.conclude(delivered, Ok(()), now);
        }
    }

    /// Hands back the jobs whose wait is not over.
    pub(super) fn let_go(&mut self, now: u64) {
        for delivered in self.held.waiting.take_all() {
            self.counters.task_busy_ns.add(self.busy.end(now));
            self.held
                .finish(delivered.job, now, (Outcome::Released, None));
        }
    }

    /// Performs a task that occupies the worker.
    fn perform(&mut self, delivered: Delivered) {
        self.enter(WorkerState::Working);
        let (began_ns, began_cpu_ns) = (now_ns(), thread_cpu_ns());
        let task = self.post.assignment.task;
        let done = guarded(|| perform(&task)).and_then(|done| done);
        let at_ns = now_ns();
        self.counters
            .task_cpu_ns
            .add(thread_cpu_ns() - began_cpu_ns);
        self.counters.task_busy_ns.add(at_ns - began_ns);
        if let Ok(amount) = done {
            self.counters.task_amount.add(amount);
        }
        self.conclude(delivered, done.map(|_| ()), at_ns);
    }

    /// A task is over: with what came of it, or as the scenario wants it to end.
    fn conclude(&mut self, delivered: Delivered, done: Result<(), String>, at_ns: u64) {
        let ended = match delivered.ending {
            Ending::Success => done,
            Ending::Failure => done.and(Err(FAILED.to_owned())),
            Ending::Panic => done.and_then(|()| guarded(|| panic!("as the scenario asks for"))),
            Ending::Release => {
                self.held
                    .finish(delivered.job, at_ns, (Outcome::Released, None));
                return;
            }
        };
        let ended = match ended {
            Ok(()) => (Outcome::Completed, None),
            Err(error) => {
                if error.starts_with(PANICKED) {
                    self.report.note_first(at_ns, &error);
                }
                (Outcome::Failed, Some(error))
            }
        };
        self.held.finish(delivered.job, at_ns, ended);
    }

    /// Reads and writes for the first buffered job, beside its own transaction.
    async fn read_and_write(&mut self) -> Result<(), Failure> {
        self.enter(WorkerState::Working);
        let began_ns = now_ns();
        let connection = &mut self.connection;
        let done = match &mut connection.side {
            Some(side) => side.work(&connection.session).await,
            None => Ok(0),
        };
        let at_ns = now_ns();
        self.counters.task_busy_ns.add(at_ns - began_ns);
        match done {
            Ok(bytes) => {
                self.counters.task_amount.add(bytes);
                self.conclude_first(at_ns);
                Ok(())
            }
            Err(error) => self.mend(error, "the task read-write").await,
        }
    }

    /// The task of the first buffered job is over, and went well.
    fn conclude_first(&mut self, at_ns: u64) {
        if let Some(delivered) = self.held.buffered.pop_front() {
            self.conclude(delivered, Ok(()), at_ns);
        }
    }

    /// Does the steps of the first buffered job that are not done, one after the other.
    async fn do_steps(&mut self, count: u64) -> Result<(), Failure> {
        self.enter(WorkerState::Working);
        let first = self.held.buffered.front();
        if first.is_some_and(|delivered| delivered.steps.is_none()) {
            return self.load_steps(count).await;
        }
        let began_ns = now_ns();
        while self.next_step().is_some() {
            if let Err(error) = self.save_step().await {
                return self.mend(error, "saving a step").await;
            }
        }
        let at_ns = now_ns();
        self.counters.task_busy_ns.add(at_ns - began_ns);
        self.conclude_first(at_ns);
        Ok(())
    }

    /// The next step of the first buffered job.
    fn next_step(&self) -> Option<(&FetchedJob, &String)> {
        let delivered = self.held.buffered.front()?;
        Some((&delivered.job, delivered.steps.as_ref()?.last()?))
    }

    async fn save_step(&mut self) -> Result<(), tokio_postgres::Error> {
        let connection = &self.connection;
        let (Some(statements), Some((job, step))) = (&connection.steps, self.next_step()) else {
            return Ok(());
        };
        let input = Input {
            jobs: &[job],
            step_keys: std::slice::from_ref(step),
            ..self.input()
        };
        let sent_ns = now_ns();
        statements.save.call(&connection.session, &input).await?;
        let at_ns = now_ns();
        self.recorder
            .record(Operation::StepSave, at_ns, at_ns - sent_ns, 1);
        self.counters.task_amount.add(1);
        let first = self.held.buffered.front_mut();
        if let Some(left) = first.and_then(|delivered| delivered.steps.as_mut()) {
            left.pop();
        }
        Ok(())
    }

    /// Asks which steps of all buffered jobs are done.
    async fn load_steps(&mut self, count: u64) -> Result<(), Failure> {
        let connection = &self.connection;
        let Some(statements) = &connection.steps else {
            return Err(Failure("the task steps has no statements".to_owned()));
        };
        let buffered = self.held.buffered.iter();
        let jobs: Vec<&FetchedJob> = buffered.map(|delivered| &delivered.job).collect();
        let input = Input {
            jobs: &jobs,
            ..self.input()
        };
        let sent_ns = now_ns();
        let answer = match statements.load.call(&connection.session, &input).await {
            Ok(answer) => answer,
            Err(error) => return self.mend(error, "loading steps").await,
        };
        let at_ns = now_ns();
        let file = self.post.queue.serving(Operation::StepLoad);
        let path = file.map_or("", |file| &file.source.path);
        let missing = steps::missing(&statements.load, &answer, &jobs, count, path)
            .map_err(|error| Failure(error.to_string()))?;
        let jobs = jobs.len() as u64;
        self.recorder
            .record(Operation::StepLoad, at_ns, at_ns - sent_ns, jobs);
        for (delivered, mut missing) in self.held.buffered.iter_mut().zip(missing) {
            missing.reverse();
            delivered.steps = Some(missing);
        }
        Ok(())
    }
}
