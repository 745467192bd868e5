//! The jobs at the head of a queue, taken by its own statements and not measured: completed, or claimed and held.

use std::time::{Duration, Instant};

use thiserror::Error;
use tokio_postgres::Client;

use super::StatementError;
use super::serving::{
    Answer, FetchedJob, Input, Outcome, Serving, Settled, Timestamp, choose_plans,
    in_one_transaction,
};
use crate::definition::operation::Operation;
use crate::definition::queue::Queue;
use crate::postgres::database::server_message;

/// The worker that takes them.
const WORKER: &str = "worker-before";

/// 2021-01-01, 7,671 days after 2000-01-01: after every job that is due and before every other. What it writes into the rows is the
/// same in every copy.
pub const NOW: Timestamp = Timestamp {
    microseconds: 7_671 * 86_400 * 1_000_000,
};

/// Calls of a fetch that are sent without waiting for answers in between, at most.
const CALLS: u64 = 100;

/// How long to stay silent between two words on how far it is.
const SILENCE: Duration = Duration::from_millis(100);

/// How many jobs are taken of each queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The queues in their order, with the number of jobs to take of each.
    pub parts: Vec<Part>,
    /// Jobs asked for by one fetch, at most.
    pub batch: u64,
}

impl Head {
    /// How many jobs are taken of all queues together.
    #[must_use]
    pub fn jobs(&self) -> u64 {
        let jobs = self.parts.iter().map(|part| part.jobs);
        jobs.fold(0, u64::saturating_add)
    }
}

/// The head of one queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The queue's name.
    pub queue: String,
    /// How many jobs to take.
    pub jobs: u64,
}

/// What is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transactions {
    /// Each batch twice: when it was fetched, and when it was completed.
    Each,
    /// Nothing: a transaction is open, and whoever began it decides.
    Surrounding,
}

/// Why the jobs could not be taken.
#[derive(Debug, Error)]
pub enum HeadError {
    /// Nothing to take them with.
    #[error(
        "queue {queue} has no {operation}, and jobs are taken by the queue's own statements: write `{operation}.sql`, or take another fixture"
    )]
    Missing {
        /// The queue.
        queue: String,
        /// What it lacks.
        operation: Operation,
    },
    /// A statement that cannot serve.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// The server refuses.
    #[error("cannot {action}: {}", server_message(source))]
    Server {
        /// What was tried.
        action: &'static str,
        /// What the server says.
        source: tokio_postgres::Error,
    },
    /// There are not so many.
    #[error(
        "the fetch of queue {queue} gave {found} of the {wanted} jobs that were to be taken from the head of `{of}`: ask for fewer in the fixture, or for more jobs that are ready and due"
    )]
    TooFew {
        /// The queue.
        queue: String,
        /// The queue within it, by the fixture's name.
        of: String,
        /// Jobs asked for.
        wanted: u64,
        /// Jobs there were.
        found: u64,
    },
    /// They are still there.
    #[error(
        "the complete of queue {queue} settled {settled} of {given} jobs that were fetched before: it has to settle what its fetch returned to the same worker"
    )]
    NotCompleted {
        /// The queue.
        queue: String,
        /// Jobs that were settled.
        settled: u64,
        /// Jobs it was given.
        given: u64,
    },
}

fn server(action: &'static str) -> impl FnOnce(tokio_postgres::Error) -> HeadError {
    move |source| HeadError::Server { action, source }
}

/// Fetches jobs from the head and completes them; gives how many. A queue whose fetch may return more than it is asked for may have
/// more of them taken. `progress` is told every now and then how many are through, of how many, and once when all are.
///
/// # Errors
/// If the queue has no fetch or no complete, there are not so many jobs, or the server refuses.
pub async fn complete(
    client: &Client,
    queue: &Queue,
    head: &Head,
    transactions: Transactions,
    progress: impl Fn(u64, u64),
) -> Result<u64, HeadError> {
    let file = serving(queue, Operation::Complete)?;
    let taking = Taking::prepare(client, queue, head).await?;
    let columns = Some(taking.fetch.columns());
    let complete = Serving::prepare_anonymous(client, file, columns).await?;
    let wanted = head.jobs();
    progress(0, wanted);
    let (mut taken, mut told) = (0, Instant::now());
    for part in taking.parts() {
        let mut reached = Reached::default();
        while reached.found < part.jobs {
            let jobs = taking.fetch(&part, &mut reached, transactions).await?;
            let jobs: Vec<&FetchedJob> = jobs.iter().collect();
            let outcomes = vec![Outcome::Completed; jobs.len()];
            let input = Input {
                jobs: &jobs,
                outcomes: &outcomes,
                ..taking.input(&part.queue)
            };
            let answer = match transactions {
                Transactions::Each => in_one_transaction(client, &[(&complete, &input)])
                    .await
                    .map(|mut answers| answers.pop().unwrap_or_default()),
                Transactions::Surrounding => complete.call_within(client, &input).await,
            };
            let answer = answer.map_err(server("complete the jobs at the head of the queue"))?;
            check_settled(queue, &complete, &answer, &jobs)?;
            let found = taken + reached.found;
            if told.elapsed() >= SILENCE && found < wanted {
                progress(found, wanted);
                told = Instant::now();
            }
        }
        taken += reached.found;
    }
    progress(wanted, wanted);
    Ok(taken)
}

/// Begins a transaction and fetches jobs from the head in it; gives how many. They stay locked until it ends.
///
/// # Errors
/// If the queue has no fetch, there are not so many jobs, or the server refuses.
pub async fn lock(client: &Client, queue: &Queue, head: &Head) -> Result<u64, HeadError> {
    let taking = Taking::prepare(client, queue, head).await?;
    let begun = client.batch_execute("begin").await;
    begun.map_err(server("begin to lock the head of the queue"))?;
    let mut taken = 0;
    for part in taking.parts() {
        let mut reached = Reached::default();
        while reached.found < part.jobs {
            taking
                .fetch(&part, &mut reached, Transactions::Surrounding)
                .await?;
        }
        taken += reached.found;
    }
    Ok(taken)
}

fn serving(
    queue: &Queue,
    operation: Operation,
) -> Result<&crate::definition::statement::StatementFile, HeadError> {
    queue.serving(operation).ok_or_else(|| HeadError::Missing {
        queue: queue.name.clone(),
        operation,
    })
}

fn check_settled(
    queue: &Queue,
    complete: &Serving,
    answer: &Answer,
    jobs: &[&FetchedJob],
) -> Result<(), HeadError> {
    let given = jobs.len() as u64;
    let settled = match complete.settled(answer, jobs) {
        Settled::All => given,
        Settled::Some(each) => each.iter().filter(|settled| **settled).count() as u64,
        Settled::Unknown(rows) => rows,
    };
    if settled == given {
        return Ok(());
    }
    Err(HeadError::NotCompleted {
        queue: queue.name.clone(),
        settled,
        given,
    })
}

/// How far a queue's head is taken.
#[derive(Clone, Copy, Debug, Default)]
struct Reached {
    /// Jobs found so far.
    found: u64,
    /// The most that one call gave.
    most: u64,
}

impl Reached {
    /// How many calls to make next, if each gives as many as the best so far: the first by itself.
    fn calls(self, wanted: u64) -> u64 {
        let left = wanted.saturating_sub(self.found);
        match left.checked_div(self.most) {
            None => 1,
            Some(calls) => calls.clamp(1, CALLS),
        }
    }
}

/// A session in which the queue's fetch is prepared.
struct Taking<'t> {
    client: &'t Client,
    queue: &'t Queue,
    head: &'t Head,
    names: Vec<String>,
    fetch: Serving,
}

impl<'t> Taking<'t> {
    async fn prepare(
        client: &'t Client,
        queue: &'t Queue,
        head: &'t Head,
    ) -> Result<Taking<'t>, HeadError> {
        choose_plans(client, queue.plan_mode)
            .await
            .map_err(server("choose the plans of the queue's clients"))?;
        let file = serving(queue, Operation::Fetch)?;
        let fetch = Serving::prepare_anonymous(client, file, None).await?;
        let names = head.parts.iter().map(|part| part.queue.clone()).collect();
        Ok(Taking {
            client,
            queue,
            head,
            names,
            fetch,
        })
    }

    /// What is taken of each queue; of all together where the fetch is not told which.
    fn parts(&self) -> Vec<Part> {
        let parts = &self.head.parts;
        match parts.first() {
            Some(first) if !self.fetch.takes("queue") => vec![Part {
                queue: first.queue.clone(),
                jobs: parts.iter().map(|part| part.jobs).sum(),
            }],
            _ => parts.clone(),
        }
    }

    fn input<'i>(&'i self, queue: &'i str) -> Input<'i> {
        Input {
            queue,
            queues: &self.names,
            worker: WORKER,
            now: NOW,
            ..Input::default()
        }
    }

    /// The next jobs of a queue; at least one. A fetch that is not asked for a number is called several times, as many as should be
    /// settled together.
    async fn fetch(
        &self,
        part: &Part,
        reached: &mut Reached,
        transactions: Transactions,
    ) -> Result<Vec<FetchedJob>, HeadError> {
        let batch_size = part.jobs.saturating_sub(reached.found);
        let batch_size = batch_size.min(self.head.batch.max(1));
        let input = Input {
            batch_size,
            ..self.input(&part.queue)
        };
        let calls = match self.fetch.takes("batch_size") {
            true => 1,
            false => reached.calls(part.jobs).min(self.head.batch.max(1)),
        };
        let is_within = transactions == Transactions::Surrounding;
        let answers = self
            .fetch
            .call_again_and_again(self.client, &input, calls as usize, is_within)
            .await
            .map_err(server("fetch the jobs at the head of the queue"))?;
        let mut jobs = Vec::new();
        for answer in answers {
            let of_call = self.fetch.jobs(answer);
            reached.most = reached.most.max(of_call.len() as u64);
            jobs.extend(of_call);
        }
        let found = reached.found;
        reached.found = found.saturating_add(jobs.len() as u64);
        if jobs.is_empty() {
            return Err(HeadError::TooFew {
                queue: self.queue.name.clone(),
                of: part.queue.clone(),
                wanted: part.jobs,
                found,
            });
        }
        Ok(jobs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_as_many_as_should_give_what_is_left() {
        for (found, most, wanted, calls) in [
            (0, 0, 7500, 1),
            (1, 1, 7500, CALLS),
            (7450, 1, 7500, 50),
            (10, 10, 100, 9),
            (95, 10, 100, 1),
            (120, 60, 100, 1),
        ] {
            let reached = Reached { found, most };
            assert_eq!(reached.calls(wanted), calls, "{reached:?}");
        }
    }
}
