//! Whether the server is still there while it is drained.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{ThroughputError, ThroughputExperiment};
use crate::load::clock::now_ns;
use crate::postgres::managed::Managed;
use crate::postgres::workspace::Workspace;

/// From one look to the next.
const EVERY_NS: u64 = 200_000_000;

/// Looks after the server that was started here: nobody starts it again when it is gone. One of the user's own may come back.
#[derive(Debug)]
pub(super) struct ServerWatch<'w> {
    managed: Option<&'w Managed>,
    next_ns: u64,
    was_missed: bool,
    /// Set when it is gone.
    pub(super) is_gone: Arc<AtomicBool>,
}

impl<'w> ServerWatch<'w> {
    /// Begins to look.
    pub(super) fn new(workspace: &'w Workspace) -> ServerWatch<'w> {
        ServerWatch {
            managed: workspace.managed(),
            next_ns: 0,
            was_missed: false,
            is_gone: Arc::default(),
        }
    }

    /// Looks, if it is time to. What is missed once may be on its way.
    pub(super) fn look(&mut self) {
        let now = now_ns();
        let Some(managed) = self.managed.filter(|_| now >= self.next_ns) else {
            return;
        };
        self.next_ns = now + EVERY_NS;
        let is_missed = managed.process().is_none();
        if is_missed && self.was_missed {
            self.is_gone.store(true, Ordering::Relaxed);
        }
        self.was_missed = is_missed;
    }
}

impl ThroughputExperiment<'_> {
    /// Whether the server was started here and is gone: then there is nothing to come back to.
    pub(super) fn has_lost_server(&self) -> bool {
        let managed = self.workspace.managed();
        managed.is_some_and(|managed| managed.process().is_none())
    }

    /// Whether the program's own session outlived the drain; `left` drains are still to be begun.
    ///
    /// # Errors
    /// If it did not, and there is no server, or something left to do on it.
    pub(super) async fn check_server(&self, left: usize) -> Result<(), ThroughputError> {
        let databases = self.workspace.databases();
        if !databases.session().is_closed() {
            return Ok(());
        }
        match databases.reconnected().await {
            Ok(_) if left == 0 => Ok(()),
            Ok(_) => Err(ThroughputError::ServerRestarted { left }),
            Err(_) => Err(ThroughputError::ServerGone {
                hint: self.workspace.log_hint(),
            }),
        }
    }
}
