//! A worker fetches, and takes in what it is given.

use super::{Failure, Worker};
use crate::definition::operation::Operation;
use crate::definition::scenario::Outcomes;
use crate::load::clock::now_ns;
use crate::load::ledger::Delivery;
use crate::load::task::ending::ending;
use crate::load::worker::held::Delivered;
use crate::run::throughput::WorkerState;
use crate::statement::serving::{Answer, FetchedJob};

impl Worker<'_> {
    /// Fetches from the next queue.
    pub(super) async fn fetch(&mut self) -> Result<(), Failure> {
        self.enter(WorkerState::Fetching);
        self.begin_fetch();
        let sent_ns = now_ns();
        let connection = &self.connection;
        let input = self.input();
        let answer = connection.fetch.call(&connection.session, &input).await;
        match answer {
            Ok(answer) => {
                self.fetched(answer, sent_ns, now_ns());
                Ok(())
            }
            Err(error) => {
                self.fetch_errored();
                self.mend(error, "fetching").await
            }
        }
    }

    pub(super) fn begin_fetch(&mut self) {
        self.is_fetching = true;
        self.counters.fetches_begun.add(1);
    }

    /// A fetch failed, or the worker does not wait for its answer any more.
    pub(super) fn fetch_errored(&mut self) {
        self.is_fetching = false;
        self.counters.fetches_errored.add(1);
    }

    /// Takes in what a fetch returned.
    pub(super) fn fetched(&mut self, answer: Answer, sent_ns: u64, at_ns: u64) {
        self.is_fetching = false;
        let jobs = self.connection.fetch.jobs(answer);
        let count = jobs.len() as u64;
        self.recorder
            .record(Operation::Fetch, at_ns, at_ns - sent_ns, count);
        self.backoff.succeeded();
        let is_round = self.rotation.fetched(jobs.len());
        self.expects_more = jobs.len() >= self.rules.batch_size;
        let counters = self.counters;
        if jobs.is_empty() {
            counters.fetches_empty.add(1);
            if is_round {
                self.next_fetch_ns = at_ns.saturating_add(self.poll_ns);
                if counters.held.get() == 0 {
                    counters.empty_rounds.add(1);
                }
            }
            return;
        }
        counters.delivered.add(count);
        counters.held.add(count);
        counters.fetches_returned.add(1);
        counters.empty_rounds.set(0);
        for job in jobs {
            self.deliver(job);
        }
    }

    fn deliver(&mut self, job: FetchedJob) {
        let delivery = self.ledger.delivered(job.seq, job.whole);
        let outcomes = &self.post.assignment.outcomes;
        let number = match delivery {
            _ if *outcomes == Outcomes::default() => 0,
            Delivery::New => 0,
            _ => self.delivered_again(job.seq.unwrap_or(0)),
        };
        let seed = self.post.assignment.seed;
        self.held.buffered.push_back(Delivered {
            ending: ending(outcomes, seed, job.seq.unwrap_or(0), number),
            job,
            steps: None,
        });
    }

    /// A number that no other delivery of the job has.
    fn delivered_again(&mut self, seq: u64) -> u64 {
        let times = self.again.entry(seq).or_default();
        *times += 1;
        *times * self.post.board.shape().workers as u64 + self.index as u64
    }
}
