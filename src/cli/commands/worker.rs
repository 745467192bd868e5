//! `worker`: a worker process, started by the program itself. It is given what to do on its standard input and answers on its standard
//! output.

use std::io::{BufRead, Write, stdin, stdout};

use anyhow::{Context, anyhow};
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::exit::Exit;
use crate::load::processes::{Message, Order, child};

/// Runs the command.
///
/// # Errors
/// If what it is given is no order, or the system refuses to tell of signals.
pub async fn run() -> anyhow::Result<Exit> {
    // Ctrl-C and a terminal that is closed reach every process of it: what becomes of the workers is for the program that started this
    // process to say. Signals that are listened for do nothing by themselves.
    let _heard = [
        signal(SignalKind::interrupt())?,
        signal(SignalKind::hangup())?,
    ];
    let mut terminate = signal(SignalKind::terminate())?;
    let order = read_order()?;
    std::thread::spawn(end_with_parent);
    let leave = async {
        terminate.recv().await;
    };
    child::live(order, leave, say).await;
    Ok(Exit::Done)
}

/// The one line it is given. It may hold a password, so nothing of it is in an error.
fn read_order() -> anyhow::Result<Order> {
    let mut line = String::new();
    let read = stdin().lock().read_line(&mut line);
    read.context("cannot read what to do")?;
    serde_json::from_str(&line).map_err(|_| {
        anyhow!("this command is for the program itself, which says what to do: see `pgq-analyze throughput --processes`")
    })
}

/// Says something, as a line of JSON; where nobody listens any more there is nothing left to do.
fn say(message: &Message) {
    let line = serde_json::to_string(message).map(|line| line + "\n");
    let said = line.map_err(Into::into).and_then(|line| {
        let mut out = stdout().lock();
        out.write_all(line.as_bytes())?;
        out.flush()
    });
    if said.is_err() {
        end();
    }
}

/// Waits for the end of the standard input, which the parent holds open for as long as it lives.
fn end_with_parent() {
    // Whatever is read, or not: it comes to an end.
    let _ = std::io::copy(&mut stdin().lock(), &mut std::io::sink());
    end();
}

fn end() {
    std::process::exit(1);
}
