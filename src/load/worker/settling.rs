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

/// Jobs by the operation that settles them, in order: all by complete where it takes every outcome.
fn groups(batch: Vec<Finished>, takes_all: bool) -> Vec<(Operation, Vec<Finished>)> {
    let mut groups: Vec<(Operation, Vec<Finished>)> = Vec::new();
    for finished in batch {
        let operation = match finished.outcome {
            _ if takes_all => Operation::Complete,
            Outcome::Completed => Operation::Complete,
            Outcome::Failed => Operation::Fail,
            Outcome::Released => Operation::Release,
        };
        match groups.iter_mut().find(|(known, _)| *known == operation) {
            Some((_, group)) => group.push(finished),
            None => groups.push((operation, vec![finished])),
        }
    }
    groups
}

impl Worker<'_> {
    fn take_batch(&mut self, count: usize) -> Vec<(Operation, Vec<Finished>)> {
        let count = count.min(self.held.finished.len());
        let batch = self.held.finished.drain(..count).collect();
        groups(batch, self.connection.complete.takes("outcomes"))
    }

    /// Settles the first so many of the finished jobs.
    pub(super) async fn complete(&mut self, count: usize) -> Result<(), Failure> {
        for (operation, group) in self.take_batch(count) {
            self.settle(operation, group).await?;
        }
        Ok(())
    }

    /// The same, completion in one transaction with the next fetch. Both take as long as the transaction does.
    pub(super) async fn complete_and_fetch(&mut self, count: usize) -> Result<(), Failure> {
        let mut completed = Vec::new();
        for (operation, group) in self.take_batch(count) {
            if operation == Operation::Complete {
                completed = group;
            } else {
                self.settle(operation, group).await?;
            }
        }
        if completed.is_empty() {
            return Ok(());
        }
        self.enter(WorkerState::Completing);
        self.announce(&completed);
        self.counters.fetches_begun.add(1);
        let sent_ns = now_ns();
        let lists = Lists::of(&completed);
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
                self.settled(Operation::Complete, completed, &settled, sent_ns, at_ns);
                self.fetched(fetched, sent_ns, at_ns);
                Ok(())
            }
            // Two calls have two answers.
            Ok(Err(_)) => Err(Failure("a call was not answered".to_owned())),
            Err(error) => {
                self.counters.fetches_errored.add(1);
                self.unsettled(completed, &error);
                self.mend(error, "completing and fetching").await
            }
        }
    }

    /// Settles jobs by one operation: in one call, or where that takes one job in one call each.
    async fn settle(&mut self, operation: Operation, group: Vec<Finished>) -> Result<(), Failure> {
        match self.connection.settling(operation) {
            None => {
                for finished in &group {
                    self.interrupted(finished);
                }
                Ok(())
            }
            Some(serving) if serving.is_per_job() => {
                for finished in group {
                    self.call(operation, vec![finished]).await?;
                }
                Ok(())
            }
            Some(_) => self.call(operation, group).await,
        }
    }

    async fn call(&mut self, operation: Operation, group: Vec<Finished>) -> Result<(), Failure> {
        self.enter(WorkerState::Completing);
        self.announce(&group);
        if self.works_within() && operation == Operation::Complete {
            return self.call_with_work(group).await;
        }
        let lists = Lists::of(&group);
        let connection = &self.connection;
        let Some(serving) = connection.settling(operation) else {
            return Ok(());
        };
        let input = lists.input(self.input());
        let sent_ns = now_ns();
        match serving.call(&connection.session, &input).await {
            Ok(answer) => {
                let at_ns = now_ns();
                let settled = settled_by(serving, &answer, &lists);
                self.settled(operation, group, &settled, sent_ns, at_ns);
                Ok(())
            }
            Err(error) => {
                self.unsettled(group, &error);
                let doing = format!("{operation} of jobs");
                self.mend(error, &doing).await
            }
        }
    }

    fn works_within(&self) -> bool {
        matches!(
            self.post.assignment.task,
            Task::ReadWrite { within: true, .. }
        )
    }

    /// Completes jobs in one transaction with what their tasks read and write.
    async fn call_with_work(&mut self, group: Vec<Finished>) -> Result<(), Failure> {
        match self.transaction_with_work(&group).await {
            Ok((settled, sent_ns, at_ns)) => {
                self.settled(Operation::Complete, group, &settled, sent_ns, at_ns);
                Ok(())
            }
            Err(error) => {
                // What ended the work is what counts; where the connection is gone there is nothing to roll back.
                let _ = self.connection.session.batch_execute("rollback").await;
                self.unsettled(group, &error);
                self.mend(error, "the job's transaction").await
            }
        }
    }

    async fn transaction_with_work(
        &mut self,
        group: &[Finished],
    ) -> Result<(Settled, u64, u64), tokio_postgres::Error> {
        let began_ns = now_ns();
        self.connection.session.batch_execute("begin").await?;
        for finished in group {
            let connection = &mut self.connection;
            if let (Outcome::Completed, Some(side)) = (finished.outcome, &mut connection.side) {
                let bytes = side.work(&connection.session).await?;
                self.counters.task_amount.add(bytes);
            }
        }
        let sent_ns = now_ns();
        self.counters.task_busy_ns.add(sent_ns - began_ns);
        let lists = Lists::of(group);
        let input = lists.input(self.input());
        let connection = &self.connection;
        let complete = &connection.complete;
        let answer = complete.call_within(&connection.session, &input).await?;
        connection.session.batch_execute("commit").await?;
        Ok((settled_by(complete, &answer, &lists), sent_ns, now_ns()))
    }

    /// Says what is about to happen to jobs. A job that is failed or handed back may be with another worker before the answer is here: its
    /// cell is left alone from then on.
    fn announce(&self, group: &[Finished]) {
        for finished in group {
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
    fn settled(
        &mut self,
        operation: Operation,
        group: Vec<Finished>,
        settled: &Settled,
        sent_ns: u64,
        at_ns: u64,
    ) {
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
        }
        self.interrupted(finished);
    }

    fn interrupted(&self, finished: &Finished) {
        if let (Some(seq), Outcome::Completed) = (finished.job.seq, finished.outcome) {
            self.ledger.interrupted(seq);
        }
        self.counters.interrupted.add(1);
        self.counters.held.subtract(1);
    }

    /// Keeps what could not be settled, to be settled again.
    fn unsettled(&mut self, mut group: Vec<Finished>, error: &tokio_postgres::Error) {
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

fn settled_by(serving: &Serving, answer: &Answer, lists: &Lists<'_>) -> Settled {
    serving.settled(answer, &lists.jobs)
}
