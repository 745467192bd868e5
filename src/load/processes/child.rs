//! The life of a worker process: its workers as threads, and what they come to said as it comes.

use std::future::Future;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use thiserror::Error;

use super::{Message, Order};
use crate::load::board::Board;
use crate::load::clock::now_ns;
use crate::load::fleet::{Crew, FleetError, Threads, start_threads};
use crate::load::memory::peak_rss_bytes;
use crate::load::recorder::Interval;
use crate::postgres::connect::{Address, AddressError};

/// How often workers are looked after.
const LOOK: Duration = Duration::from_millis(5);

/// Why a worker process cannot do what it is to do.
#[derive(Debug, Error)]
pub enum ChildError {
    /// The board.
    #[error("cannot open the board: {0}")]
    Board(std::io::Error),
    /// The server.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The workers.
    #[error(transparent)]
    Fleet(#[from] FleetError),
}

/// Does what the order says and says everything there is to say, its last word included. `leave` comes to an end when this process alone
/// is to stop: its workers then finish what they hold, the others go on.
pub async fn live(order: Order, leave: impl Future<Output = ()>, mut say: impl FnMut(&Message)) {
    let last = match lead(order, leave, &mut say).await {
        Ok(()) => Message::Done,
        Err(error) => Message::Failed(error.to_string()),
    };
    say(&last);
}

async fn lead(
    order: Order,
    leave: impl Future<Output = ()>,
    say: &mut impl FnMut(&Message),
) -> Result<(), ChildError> {
    let board = Board::open(&order.board, order.process).map_err(ChildError::Board)?;
    let board = Arc::new(board);
    say(&Message::Opened);
    let address = Address::by(&order.route).await?;
    let assignment = Arc::new(order.assignment);
    let (mut threads, intervals) =
        start_threads(&address, &assignment, &board, order.workers.clone())?;
    let asked = async {
        leave.await;
        let by_ns = now_ns() + board.control().stop_timeout_ns.get();
        for worker in order.workers.clone() {
            board.worker(worker).leave_by_ns.set(by_ns);
        }
        // From here on the workers decide.
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = look_after(&mut threads, &intervals, &board, say) => {}
        () = asked => {}
    }
    let examples = board.ledger().take_examples();
    if !examples.is_empty() {
        say(&Message::Examples(examples));
    }
    say(&Message::PeakRssBytes(peak_rss_bytes()));
    Ok(())
}

/// Passes on what comes until every worker has ended.
async fn look_after(
    threads: &mut Threads,
    intervals: &Receiver<Interval>,
    board: &Board,
    say: &mut impl FnMut(&Message),
) {
    loop {
        threads.look(board);
        // What a worker recorded comes before its report.
        for interval in intervals.try_iter() {
            say(&Message::Interval(interval));
        }
        for report in threads.take_reports() {
            say(&Message::Report(report));
        }
        if threads.have_ended() {
            return;
        }
        tokio::time::sleep(LOOK).await;
    }
}
