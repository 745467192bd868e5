//! Workers started where they are to be: as threads of this process, or dealt out over processes of their own.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use tempfile::TempDir;

use super::{Crew, FleetError, start_threads};
use crate::load::assignment::Assignment;
use crate::load::board::{Board, Shape};
use crate::load::processes::{Order, Processes, Program, dealt_out};
use crate::load::recorder::Interval;
use crate::postgres::connect::Address;

/// A board for workers that are not there yet.
#[derive(Debug)]
pub struct SharedBoard {
    /// The board.
    pub board: Arc<Board>,
    /// With its file, which worker processes open; none where there are none. It goes when they have, and in every other case.
    directory: Option<TempDir>,
}

/// Workers that are on their way.
pub struct Started {
    /// The workers.
    pub crew: Box<dyn Crew>,
    /// Where their recorders hand over.
    pub intervals: Receiver<Interval>,
}

/// The board's file in a directory.
fn file_in(directory: &TempDir) -> PathBuf {
    directory.path().join("board")
}

impl SharedBoard {
    /// A board for threads of this process, or where `processes` is more than 0 for worker processes.
    ///
    /// # Errors
    /// If there is no room for it, in memory or in the directory for temporary files.
    pub fn new(shape: Shape, processes: u64) -> Result<SharedBoard, FleetError> {
        let made = || {
            if processes == 0 {
                return Ok((Board::anonymous(shape)?, None));
            }
            // Nobody else may look into it.
            let directory = TempDir::with_prefix("pgq-analyze-")?;
            Ok((Board::create(&file_in(&directory), shape)?, Some(directory)))
        };
        let (board, directory) = made().map_err(FleetError::Board)?;
        Ok(SharedBoard {
            board: Arc::new(board),
            directory,
        })
    }

    /// Its file, where it has one.
    #[must_use]
    pub fn file(&self) -> Option<PathBuf> {
        self.directory.as_ref().map(file_in)
    }

    /// Starts the workers of an assignment; worker processes are made of `program`.
    ///
    /// # Errors
    /// If the queue's files make no queue, or the system gives no thread.
    pub fn start(
        self,
        address: &Address,
        assignment: &Arc<Assignment>,
        program: &Program,
    ) -> Result<Started, FleetError> {
        let workers = self.board.shape().workers;
        let Some(directory) = self.directory else {
            let (crew, intervals) = start_threads(address, assignment, &self.board, 0..workers)?;
            let crew = Box::new(crew);
            return Ok(Started { crew, intervals });
        };
        let processes = usize::try_from(assignment.workers.processes).unwrap_or(usize::MAX);
        let order = |(number, workers)| Order {
            process: number,
            route: address.route(),
            board: file_in(&directory),
            workers,
            assignment: Assignment::clone(assignment),
        };
        let orders = (1..).zip(dealt_out(workers, processes)).map(order);
        let orders = orders.collect();
        let (tell, intervals) = channel();
        let crew = Processes::start(program, orders, Some(directory), &tell);
        let crew = Box::new(crew.map_err(FleetError::Processes)?);
        Ok(Started { crew, intervals })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_board_for_processes_has_a_file_that_goes_with_it() {
        let shape = Shape {
            workers: 2,
            jobs: 10,
        };
        assert!(SharedBoard::new(shape, 0).unwrap().file().is_none());
        let shared = SharedBoard::new(shape, 2).unwrap();
        let file = shared.file().unwrap();
        assert!(file.exists());
        drop(shared);
        assert!(!file.exists() && !file.parent().unwrap().exists());
    }
}
