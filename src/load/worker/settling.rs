//! A worker settles finished jobs: completes, fails or releases them, and counts what is durable.

use super::held::Finished;
use super::{Failure, Worker};
use crate::definition::operation::Operation;
use crate::definition::scenario::Task;
use crate::load::clock::now_ns;
use crate::load::retry::{Remedy, remedy};
use crate::run::throughput::WorkerState;
use crate::statement::serving::{
    Answer, FetchedJob, Input, Outcome, Serving, Settled, in_one_transaction,
};

/// The lists that a settling statement is given, aligned.
struct Lists<'g> {
    jobs: Vec<&'g FetchedJob>,
    outcomes: Vec<Outcome>,
    errors: Vec<Option<String>>,
}

impl<'g> Lists<'g> {
    fn of(group: &'g [Finished]) -> Lists<'g> {
        Lists {
            jobs: group.iter().map(|finished| &finished.job).collect(),
            outcomes: group.iter().map(|finished| finished.outcome).collect(),
            errors: group
                .iter()
                .map(|finished| finished.error.clone())
                .collect(),
        }
    }

    fn input<'a>(&'a self, others: Input<'a>) -> Input<'a> {
        Input {
            jobs: &self.jobs,
            outcomes: &self.outcomes,
            errors: &self.errors,
            ..others
        }
    }
}

/// What settles a job that ended so: all are completed where complete takes every outcome.
fn settled_with(takes_all: bool, outcome: Outcome) -> Operation {
    match outcome {
        _ if takes_all => Operation::Complete,
        Outcome::Completed => Operation::Complete,
        Outcome::Failed => Operation::Fail,
        Outcome::Released => Operation::Release,
    }
}

impl Worker<'_> {
    /// What settles the first of so many finished jobs that is settled by something else than `but`.
    fn first_operation(&self, count: usize, but: Option<Operation>) -> Option<Operation> {
        let takes_all = self.connection.complete.takes("outcomes");
        let finished = self.held.finished.iter().take(count);
        let mut operations = finished.map(|one| settled_with(takes_all, one.outcome));
        operations.find(|operation| Some(*operation) != but)
    }

    /// Begins to settle those of the first so many finished jobs that an operation settles, `most` at most; how many they are.
    fn begin_settling(&mut self, count: usize, operation: Operation, most: usize) -> usize {
        let takes_all = self.connection.complete.takes("outcomes");
        let mut left = most;
        self.held.begin_settling(count, |finished| {
            let is_wanted = left > 0 && settled_with(takes_all, finished.outcome) == operation;
            left -= usize::from(is_wanted);
            is_wanted
        })
    }

    /// Settles the first so many of the finished jobs. Those that could not be settled stay among them.
    pub(super) async fn complete(&mut self, count: usize) -> Result<(), Failure> {
        self.settle_first(count, None).await.map(|_| ())
    }

    /// Settles the first so many of the finished jobs but for those that an operation settles, of which it gives the number. One after the
    /// other where a call has one job.
    async fn settle_first(
        &mut self,
        count: usize,
        but: Option<Operation>,
    ) -> Result<usize, Failure> {
        let mut left = count.min(self.held.finished.len());
        while let Some(operation) = self.first_operation(left, but) {
            let serving = self.connection.settling(operation);
            let is_per_job = serving.is_some_and(Serving::is_per_job);
            let most = if is_per_job { 1 } else { left };
            left -= self.begin_settling(left, operation, most);
            self.settle(operation).await?;
        }
        Ok(left)
    }

    /// The same, completion in one transaction with the next fetch. Both take as long as the transaction does.
    pub(super) async fn complete_and_fetch(&mut self, count: usize) -> Result<(), Failure> {
        let left = self.settle_first(count, Some(Operation::Complete)).await?;
        if self.begin_settling(left, Operation::Complete, left) == 0 {
            return Ok(());
        }
        self.enter(WorkerState::Completing);
        self.announce();
        self.begin_fetch();
        let sent_ns = now_ns();
        let lists = Lists::of(&self.held.settling);
        let connection = &self.connection;
        let complete = lists.input(self.input());
        let fetch = self.input();
        let calls = [
            (&connection.complete, &complete),
            (&connection.fetch, &fetch),
        ];
        let answers = in_one_transaction(&connection.session, &calls).await;
        match answers.map(TryInto::<[Answer; 2]>::try_into) {
            Ok(Ok([answer, fetched])) => {
                let at_ns = now_ns();
                let settled = connection.complete.settled(&answer, &lists.jobs);
                self.settled(Operation::Complete, &settled, sent_ns, at_ns);
                self.fetched(fetched, sent_ns, at_ns);
                Ok(())
            }
            // Two calls have two answers.
            Ok(Err(_)) => Err(Failure("a call was not answered".to_owned())),
            Err(error) => {
                self.fetch_errored();
                self.unsettled(&error);
                self.mend(error, "completing and fetching").await
            }
        }
    }

    /// Settles by an operation what is being settled.
    async fn settle(&mut self, operation: Operation) -> Result<(), Failure> {
        if self.works_within() && operation == Operation::Complete {
            return self.settle_with_work().await;
        }
        let connection = &self.connection;
        let Some(serving) = connection.settling(operation) else {
            self.let_fall();
            return Ok(());
        };
        self.enter(WorkerState::Completing);
        self.announce();
        let lists = Lists::of(&self.held.settling);
        let input = lists.input(self.input());
        let sent_ns = now_ns();
        match serving.call(&connection.session, &input).await {
            Ok(answer) => {
                let at_ns = now_ns();
                let settled = serving.settled(&answer, &lists.jobs);
                self.settled(operation, &settled, sent_ns, at_ns);
                Ok(())
            }
            Err(error) => {
                self.unsettled(&error);
                let doing = format!("{operation} of jobs");
                self.mend(error, &doing).await
            }
        }
    }

    /// Nothing settles what was to be settled: nobody has it from now on.
    fn let_fall(&mut self) {
        for finished in std::mem::take(&mut self.held.settling) {
            if let Some(seq) = finished.job.seq {
                self.ledger.interrupted(seq);
            }
            self.count_interrupted();
        }
    }

    fn works_within(&self) -> bool {
        matches!(
            self.post.assignment.task,
            Task::ReadWrite { within: true, .. }
        )
    }

    /// Completes jobs in one transaction with what their tasks read and write.
    async fn settle_with_work(&mut self) -> Result<(), Failure> {
        self.enter(WorkerState::Completing);
        self.announce();
        match self.transaction_with_work().await {
            Ok((settled, sent_ns, at_ns)) => {
                self.settled(Operation::Complete, &settled, sent_ns, at_ns);
                Ok(())
            }
            Err(error) => {
                // What ended the work is what counts; where the connection is gone there is nothing to roll back.
                let _ = self.connection.session.batch_execute("rollback").await;
                self.unsettled(&error);
                self.mend(error, "the job's transaction").await
            }
        }
    }

    /// What was read and written counts once it is durable.
    async fn transaction_with_work(
        &mut self,
    ) -> Result<(Settled, u64, u64), tokio_postgres::Error> {
        let began_ns = now_ns();
        self.connection.session.batch_execute("begin").await?;
        let mut bytes = 0;
        for finished in &self.held.settling {
            let connection = &mut self.connection;
            if let (Outcome::Completed, Some(side)) = (finished.outcome, &mut connection.side) {
                bytes += side.work(&connection.session).await?;
            }
        }
        let sent_ns = now_ns();
        let lists = Lists::of(&self.held.settling);
        let input = lists.input(self.input());
        let connection = &self.connection;
        let complete = &connection.complete;
        let answer = complete.call_within(&connection.session, &input).await?;
        connection.session.batch_execute("commit").await?;
        self.counters.task_amount.add(bytes);
        self.counters.task_busy_ns.add(sent_ns - began_ns);
        Ok((complete.settled(&answer, &lists.jobs), sent_ns, now_ns()))
    }

    /// Says what is about to happen to jobs. A job that is failed or handed back may be with another worker before the answer is here: its
    /// cell is left alone from then on.
    fn announce(&self) {
        for finished in &self.held.settling {
            let Some(seq) = finished.job.seq else {
                continue;
            };
            match finished.outcome {
                Outcome::Completed => self.ledger.completing(seq),
                Outcome::Failed => self.ledger.failed(seq),
                Outcome::Released => self.ledger.released(seq),
            }
        }
    }

    /// Counts what an answer says of the jobs it is about.
    fn settled(&mut self, operation: Operation, settled: &Settled, sent_ns: u64, at_ns: u64) {
        let group = std::mem::take(&mut self.held.settling);
        let jobs = group.len() as u64;
        self.recorder
            .record(operation, at_ns, at_ns - sent_ns, jobs);
        self.backoff.succeeded();
        let mut completed = 0;
        let mut left = 0;
        for (index, finished) in group.iter().enumerate() {
            let is_settled = match settled {
                Settled::All => true,
                Settled::Some(which) => which.get(index).copied().unwrap_or(false),
                Settled::Unknown(_) => false,
            };
            if !is_settled {
                left += 1;
                self.not_settled(finished, matches!(settled, Settled::Unknown(_)));
                continue;
            }
            self.counters.held.subtract(1);
            match finished.outcome {
                Outcome::Completed => {
                    completed += 1;
                    if let Some(seq) = finished.job.seq {
                        self.ledger.completed(seq);
                    }
                }
                Outcome::Failed => self.counters.failed.add(1),
                Outcome::Released => self.counters.released.add(1),
            }
        }
        if left > 0 {
            let message = format!("{operation} of {jobs} jobs settled {} of them", jobs - left);
            self.report.note(at_ns, message);
        }
        if completed > 0 {
            self.count_completed(completed, at_ns);
        }
    }

    fn count_completed(&mut self, completed: u64, at_ns: u64) {
        let counters = self.counters;
        counters.completed.add(completed);
        if at_ns >= self.post.board.control().measure_from_ns() {
            counters.completed_after_warmup.add(completed);
        }
        counters.last_completion_ns.set(at_ns);
        self.recorder.jobs_completed(at_ns, completed);
    }

    /// A job that an answer does not count among those it settled.
    fn not_settled(&mut self, finished: &Finished, is_unknown: bool) {
        if let (Some(seq), Outcome::Completed) = (finished.job.seq, finished.outcome) {
            // Of a completion that was sent twice the first may have settled it; else the worker had lost hold of the job before.
            if !finished.is_unanswered && !is_unknown {
                self.ledger.refused(seq);
            }
            self.ledger.interrupted(seq);
        }
        self.count_interrupted();
    }

    pub(super) fn count_interrupted(&self) {
        self.counters.interrupted.add(1);
        self.counters.held.subtract(1);
    }

    /// Keeps what could not be settled, to be settled again.
    fn unsettled(&mut self, error: &tokio_postgres::Error) {
        let mut group = std::mem::take(&mut self.held.settling);
        // A session that is ended may have committed before it could say so.
        let is_refused = error.as_db_error().is_some() && remedy(error) != Remedy::Reconnect;
        for finished in &mut group {
            if let (Some(seq), Outcome::Completed) = (finished.job.seq, finished.outcome) {
                // What the server refuses it does not do.
                if is_refused && !finished.is_unanswered {
                    self.ledger.refused(seq);
                }
            }
            finished.is_unanswered |= !is_refused;
        }
        self.held.put_back(group);
    }
}
