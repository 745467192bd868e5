//! What a command will ask of a server: fixtures built and copies made of them.

use super::selection::Selection;
use crate::definition::{Fixture, Queue};

/// A fixture built for a queue, and the copies made of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Piece {
    /// Name of the queue.
    pub queue: String,
    /// The fixture, scaled.
    pub fixture: Fixture,
    /// Copies: at least so many.
    pub copies: u64,
}

/// Everything that a command makes on a server, known before anything is made.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Workload {
    /// The fixtures, in the order they are built.
    pub pieces: Vec<Piece>,
    /// What is done besides, and what it leaves behind, a sentence each.
    pub besides: Vec<String>,
}

impl Workload {
    /// A command that makes nothing.
    #[must_use]
    pub fn none() -> Workload {
        Workload::default()
    }

    /// Nothing is made, and yet it is not for nothing.
    #[must_use]
    pub fn besides(sentences: Vec<String>) -> Workload {
        Workload {
            pieces: Vec::new(),
            besides: sentences,
        }
    }

    /// Fixtures that are built and not copied.
    #[must_use]
    pub fn builds(queues: &[Queue], fixture: &Fixture) -> Workload {
        let piece = |queue: &Queue| Piece {
            queue: queue.name.clone(),
            fixture: fixture.clone(),
            copies: 0,
        };
        Workload {
            pieces: queues.iter().map(piece).collect(),
            besides: Vec::new(),
        }
    }

    /// Every selected statement on every fixture, each on a copy of its own.
    #[must_use]
    pub fn measuring(queues: &[Queue], fixtures: &[Fixture], selection: &Selection) -> Workload {
        let mut pieces = Vec::new();
        for fixture in fixtures {
            for queue in queues {
                let copies = selection.subjects(queue, fixture).len() as u64;
                if copies > 0 {
                    pieces.push(Piece {
                        queue: queue.name.clone(),
                        fixture: fixture.clone(),
                        copies,
                    });
                }
            }
        }
        Workload {
            pieces,
            besides: Vec::new(),
        }
    }
}
