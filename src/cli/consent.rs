//! What a run will cost a server of the user's own: said first, and asked for.

use std::io::{BufRead, IsTerminal, Write};

use super::exit::Usage;
use super::progress;
use crate::experiment::cost::{Cost, SchemaCost, Workload};
use crate::postgres::database::CopyStrategy;
use crate::postgres::given::Given;
use crate::postgres::given::survey::Survey;
use crate::units::{Bytes, Count};

/// Says what the work will cost, and goes on if the user has agreed, or agrees now.
///
/// # Errors
/// If they do not, or there is nobody to ask (usage).
pub async fn ask(
    given: &Given,
    workload: &Workload,
    schema: Option<&str>,
    agreed: bool,
) -> anyhow::Result<()> {
    if workload.pieces.is_empty() && workload.besides.is_empty() {
        return Ok(());
    }
    for sentence in &workload.besides {
        progress::tell(sentence);
    }
    if !workload.pieces.is_empty() {
        let (survey, strategy, keep) = (given.survey(), given.strategy(), given.keeps_templates());
        let cost = match schema {
            Some(schema) => describe_in_schema(&SchemaCost::of(workload), survey, schema, keep),
            None => {
                let cost = Cost::of(workload, strategy, survey.version.major, keep);
                describe(&cost, survey, strategy, keep)
            }
        };
        progress::tell(&cost);
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

/// What it costs, a line for each kind of cost.
fn describe(cost: &Cost, survey: &Survey, strategy: CopyStrategy, keep: bool) -> String {
    let how = match (strategy, survey.version.major) {
        (_, ..15) => "file by file, as version 14 knows no other way",
        (CopyStrategy::FileCopy, _) => "file by file",
        (CopyStrategy::WalLog, _) => "through the write-ahead log",
    };
    let afterwards = if keep {
        format!(
            "{} of built fixtures stay (--keep)",
            Bytes(cost.template_bytes)
        )
    } else {
        "nothing stays".to_owned()
    };
    let copies = if cost.most_copies == 0 {
        "not copied".to_owned()
    } else {
        format!(
            "{} to {} copies, made {how}",
            Count(cost.least_copies),
            Count(cost.most_copies)
        )
    };
    format!(
        "what this costs PostgreSQL {} at {}, about:\n\
         \x20 databases    {} built, {copies}\n\
         \x20 disk         up to {}\n\
         \x20 WAL          up to {}{}\n\
         \x20 checkpoints  up to {} of the whole server\n\
         \x20 afterwards   {afterwards}",
        survey.version,
        survey.server,
        Count(cost.fixtures),
        Bytes(cost.disk_bytes),
        Bytes(cost.wal_bytes),
        receivers(survey),
        Count(cost.checkpoints),
    )
}

/// The same where all work stays in a schema.
fn describe_in_schema(cost: &SchemaCost, survey: &Survey, schema: &str, keep: bool) -> String {
    let afterwards = if keep {
        format!(
            "the schema stays with the last fixture, {} (--keep)",
            Bytes(cost.last_bytes)
        )
    } else {
        "nothing stays".to_owned()
    };
    format!(
        "what this costs PostgreSQL {} at {}, about:\n\
         \x20 schema       {schema}, in which {}\n\
         \x20 disk         up to {}\n\
         \x20 WAL          {}{}\n\
         \x20 afterwards   {afterwards}",
        survey.version,
        survey.server,
        fixtures_built(cost.fixtures),
        Bytes(cost.disk_bytes),
        Bytes(cost.wal_bytes),
        receivers(survey),
    )
}

/// Who is sent all of what is written.
fn receivers(survey: &Survey) -> String {
    match survey.receivers {
        0 => String::new(),
        1 => ", sent to 1 receiver of its replication".to_owned(),
        count => format!(", sent to {count} receivers of its replication"),
    }
}

fn fixtures_built(count: u64) -> String {
    match count {
        1 => "1 fixture is built".to_owned(),
        _ => format!("{} fixtures are built, one after the other", Count(count)),
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
