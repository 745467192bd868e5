//! What a run will cost a server of the user's own: said first, and asked for.

use std::io::{BufRead, IsTerminal, Write};

use super::exit::Usage;
use super::progress;
use crate::experiment::cost::Workload;
use crate::postgres::given::Given;

/// Says what the work will cost, and goes on if the user has agreed, or agrees now.
///
/// # Errors
/// If they do not, or there is nobody to ask (usage).
pub async fn ask(given: &Given, workload: &Workload, agreed: bool) -> anyhow::Result<()> {
    if workload.pieces.is_empty() && workload.besides.is_empty() {
        return Ok(());
    }
    for sentence in &workload.besides {
        progress::tell(sentence);
    }
    if !workload.pieces.is_empty() {
        progress::tell(&format!(
            "{} fixtures will be built on {}",
            workload.pieces.len(),
            given.survey().server
        ));
    }
    if agreed {
        return Ok(());
    }
    let refused = |reason: &str| Usage(format!("nothing was done: {reason}"));
    if !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
        return Err(refused("say --yes to go on where nobody can be asked").into());
    }
    if answered_yes("Go on?").await {
        Ok(())
    } else {
        Err(refused("the answer was not yes").into())
    }
}

/// Asks on the terminal. On a thread of its own, so that a signal is heard meanwhile.
pub(super) async fn answered_yes(question: &str) -> bool {
    let _ = write!(std::io::stderr(), "{question} (y/N) ");
    let (sender, receiver) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = std::io::stdin().lock().read_line(&mut line);
        let _ = sender.send(read.is_ok() && matches!(line.trim(), "y" | "Y" | "yes" | "Yes"));
    });
    receiver.await.unwrap_or(false)
}
