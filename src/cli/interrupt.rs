//! Ctrl-C, SIGTERM and SIGHUP: the work is dropped where it stands, what it found is kept.

use std::future::Future;
use std::sync::Mutex;

use thiserror::Error;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that end the program in good order.
const SIGNALS: &[SignalKind] = &[
    SignalKind::interrupt(),
    SignalKind::terminate(),
    SignalKind::hangup(),
];

/// A signal asked the program to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("interrupted by a signal")]
pub struct Interrupted;

/// Listens for signals from the moment it is made.
pub struct Interrupts(Mutex<Vec<Signal>>);

impl Interrupts {
    /// Starts listening.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn listen() -> std::io::Result<Interrupts> {
        let signals: Result<Vec<Signal>, _> = SIGNALS.iter().map(|kind| signal(*kind)).collect();
        Ok(Interrupts(Mutex::new(signals?)))
    }

    /// Does `work`, unless a signal comes first: then `work` is dropped where it stands.
    ///
    /// # Errors
    /// If a signal came.
    pub async fn unless_interrupted<T>(
        &self,
        work: impl Future<Output = T>,
    ) -> Result<T, Interrupted> {
        tokio::select! {
            done = work => Ok(done),
            () = self.wait() => Err(Interrupted),
        }
    }

    /// Does `work`. Each signal calls `ask`; once that says that nobody heard it, `work` is dropped where it stands.
    ///
    /// # Errors
    /// If the work was dropped.
    pub async fn asking_first<T>(
        &self,
        work: impl Future<Output = T>,
        ask: impl Fn() -> bool,
    ) -> Result<T, Interrupted> {
        tokio::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return Ok(done),
                () = self.wait() => {}
            }
            if !ask() {
                return Err(Interrupted);
            }
        }
    }

    async fn wait(&self) {
        std::future::poll_fn(|context| {
            let mut signals = self
                .0
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            let came = signals
                .iter_mut()
                .any(|signal| signal.poll_recv(context).is_ready());
            if came {
                std::task::Poll::Ready(())
            } else {
                std::task::Poll::Pending
            }
        })
        .await;
    }
}
