//! This program's side: as many threads as connections, each with a runtime of its own, as workers have them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::{Rig, STATEMENT, Trouble};
use crate::definition::{DefinitionError, Operation, Queue};
use crate::load::clock::{now_ns, thread_cpu_ns};
use crate::load::runtime;
use crate::postgres::connect::Address;
use crate::run::selftest::Side;
use crate::statement::serving::{Input, Serving};

/// What a thread has to know.
struct Thread {
    address: Address,
    database: String,
    statements: u64,
    ready: UnboundedSender<()>,
    go: Receiver<()>,
    stop: Arc<AtomicBool>,
}

/// What a thread did.
#[derive(Clone, Copy)]
struct Share {
    statements: u64,
    ended_ns: u64,
    cpu_ns: u64,
}

/// Runs the statement so often on each connection: all begin when all are ready.
pub(super) async fn run(rig: &Rig) -> Result<Side, Trouble> {
    let (ready, mut is_ready) = unbounded_channel();
    let mut starters = Vec::new();
    let mut threads = Vec::new();
    for _ in 0..rig.connections {
        let (start, go) = channel();
        let thread = Thread {
            address: rig.address.clone(),
            database: rig.database.clone(),
            statements: rig.statements,
            ready: ready.clone(),
            go,
            stop: Arc::clone(&rig.stop),
        };
        starters.push(start);
        threads.push(tokio::task::spawn_blocking(move || thread.live()));
    }
    drop(ready);
    let mut all = 0;
    while all < rig.connections && is_ready.recv().await.is_some() {
        all += 1;
    }
    let began = now_ns();
    if all == rig.connections {
        for start in &starters {
            // One that is gone says why when it is waited for.
            let _ = start.send(());
        }
    }
    drop(starters);
    let mut shares: Vec<Share> = Vec::new();
    for thread in threads {
        shares.push(thread.await.map_err(|_| Trouble::Stopped)??);
    }
    let statements: u64 = shares.iter().map(|share| share.statements).sum();
    let ended = shares.iter().map(|share| share.ended_ns).max();
    let elapsed = ended.unwrap_or(began).saturating_sub(began).max(1) as f64;
    let cpu: u64 = shares.iter().map(|share| share.cpu_ns).sum();
    Ok(Side {
        statements,
        rows: 0,
        throughput: statements as f64 / (elapsed / 1e9),
        cpu_us: cpu as f64 / 1e3 / statements.max(1) as f64,
    })
}

impl Thread {
    fn live(self) -> Result<Share, Trouble> {
        let worked = runtime::run(self.work());
        worked.map_err(|source| Trouble::File {
            action: "cannot make a runtime",
            source,
        })?
    }

    async fn work(self) -> Result<Share, Trouble> {
        let session = self.address.connect(&self.database).await?;
        let queue = queue()?;
        let fetch = queue.serving(Operation::Fetch).ok_or(Trouble::Stopped)?;
        let serving = Serving::prepare(&session, &queue, fetch, None).await?;
        let _ = self.ready.send(());
        // Another thread that could not get ready: nobody starts.
        self.go.recv().map_err(|_| Trouble::Stopped)?;
        let before = thread_cpu_ns();
        let mut statements = 0;
        while statements < self.statements {
            if self.stop.load(Ordering::Relaxed) {
                return Err(Trouble::Stopped);
            }
            let answer = serving.call(&session, &Input::default()).await?;
            std::hint::black_box(serving.jobs(answer));
            statements += 1;
        }
        let share = Share {
            statements,
            ended_ns: now_ns(),
            cpu_ns: thread_cpu_ns() - before,
        };
        session.close().await;
        Ok(share)
    }
}

/// The statement as the fetch of a queue: what serves it under load serves it here.
fn queue() -> Result<Queue, DefinitionError> {
    Queue::of_one_statement("fetch-and-delete", Operation::Fetch, STATEMENT, "payload")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_statement_is_a_queues_fetch() {
        let queue = queue().expect("it is read");
        let fetch = queue.serving(Operation::Fetch).expect("a fetch");
        assert_eq!(fetch.statements.len(), 1);
    }
}
