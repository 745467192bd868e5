//! `queues`: list the queues, show one.

use std::fmt::Write;

use super::listing;
use crate::cli::args::QueuesAction;
use crate::cli::exit::Exit;
use crate::cli::selection;
use crate::definition::{Library, Operation, Queue};

/// Runs the command.
///
/// # Errors
/// If a queue is unknown or its files cannot be read.
pub fn run(action: &QueuesAction) -> anyhow::Result<Exit> {
    let library = Library::built_in();
    let text = match action {
        QueuesAction::List => list(&library)?,
        QueuesAction::Show { queue } => show(&selection::queue(&library, queue)?),
    };
    listing::print(&text)
}

fn list(library: &Library) -> anyhow::Result<String> {
    let queues: Vec<Queue> = library
        .queue_names()
        .iter()
        .map(|name| selection::queue(library, name))
        .collect::<anyhow::Result<_>>()?;
    Ok(listing::lines(queues.iter().map(|queue| {
        [queue.name.clone(), queue.description.clone()]
    })))
}

fn show(queue: &Queue) -> String {
    let mut text = format!("{}: {}\n\n", queue.name, queue.description);
    let mut contract = vec![
        ["delivery".to_owned(), queue.delivery.to_string()],
        ["claim ends".to_owned(), queue.claim_ends.to_string()],
        ["batch".to_owned(), queue.batch.to_string()],
        ["order".to_owned(), queue.order.to_string()],
        ["plan mode".to_owned(), queue.plan_mode.to_string()],
        ["tables".to_owned(), queue.tables.join(", ")],
    ];
    let options: Vec<String> = queue
        .options
        .iter()
        .map(|(name, value)| format!("{name} = {}", value.literal()))
        .collect();
    if !options.is_empty() {
        contract.push(["options".to_owned(), options.join(", ")]);
    }
    text.push_str(&listing::lines(contract));
    for operation in Operation::ALL {
        for file in queue.statements_of(operation) {
            let variants: Vec<&str> = file
                .variants
                .iter()
                .map(|variant| variant.name.as_str())
                .collect();
            // Writing to a String cannot fail.
            let _ = write!(
                text,
                "\n{operation}: {}.sql\n  {}\n  variants: {}\n",
                file.name,
                file.description.replace('\n', "\n  "),
                variants.join(", ")
            );
        }
    }
    text
}
