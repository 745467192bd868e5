//! Disposable copies of a template, one in use at a time, and the time they take.

use std::time::{Duration, Instant};

use super::ExplainError;
use super::ground::{Ground, Isolation};
use crate::postgres::database::Databases;

/// Reads every table, index and TOAST table of ours into shared buffers, so that no read-ahead shows in the counts.
const PREWARM: &str = "select count(pgqa.pg_prewarm(c.oid)) from pg_class c join pg_namespace n on n.oid = c.relnamespace \
     where c.relkind in ('r', 'i', 't', 'm') and c.oid >= 16384 and n.nspname <> 'pgqa'";

/// Copies that are done with are kept until they take this many bytes, and then dropped together. Not one by one: ext4 looks through
/// all inodes freed in the last five seconds before it makes a file, so a copy made right after another was dropped took three times
/// as long. And not many more: past the kernel's limit of dirty pages every write waits for the disk, and a copy takes five times as long.
pub const KEPT_BYTES: u64 = 256 << 20;

/// Makes copies of one template.
#[derive(Debug)]
pub struct Copies<'d> {
    databases: &'d Databases,
    template: String,
    prewarm: bool,
    /// Size of the template and thus, about, of each copy.
    bytes: u64,
    /// Copies that are done with.
    finished: Vec<String>,
    /// The time spent on copies: making, connecting, prewarming, dropping.
    spent: Duration,
}

impl<'d> Copies<'d> {
    /// Will copy the database `template`; `prewarm` says whether it has the extension for it.
    ///
    /// # Errors
    /// If the server does not tell the template's size.
    pub async fn of(
        databases: &'d Databases,
        template: &str,
        prewarm: bool,
    ) -> Result<Copies<'d>, ExplainError> {
        let bytes = databases.size(template).await?;
        Ok(Copies {
            databases,
            template: template.to_owned(),
            prewarm,
            bytes,
            finished: Vec::new(),
            spent: Duration::ZERO,
        })
    }

    /// Makes a fresh copy and connects to it.
    ///
    /// # Errors
    /// If the server refuses.
    pub async fn open(&mut self) -> Result<Ground, ExplainError> {
        if self.finished.len() as u64 * self.bytes >= KEPT_BYTES {
            self.drop_finished().await?;
        }
        let started = Instant::now();
        let name = self.databases.copy(&self.template).await?;
        let ground = Ground::open(self.databases.address(), &name, Isolation::Copy, "").await?;
        if self.prewarm {
            ground
                .session
                .simple_query(PREWARM)
                .await
                .map_err(ExplainError::copy("prewarm"))?;
        }
        self.spent += started.elapsed();
        Ok(ground)
    }

    /// Takes a copy back.
    pub async fn finish(&mut self, copy: Ground) {
        let started = Instant::now();
        copy.session.close().await;
        self.finished.push(copy.database);
        self.spent += started.elapsed();
    }

    /// The time spent on copies since the last time this was asked.
    pub fn take_spent(&mut self) -> Duration {
        std::mem::take(&mut self.spent)
    }

    /// Drops the copies that are done with.
    ///
    /// # Errors
    /// If the server refuses.
    pub async fn drop_finished(&mut self) -> Result<(), ExplainError> {
        let started = Instant::now();
        for name in self.finished.drain(..) {
            self.databases.drop(&name).await?;
        }
        self.spent += started.elapsed();
        Ok(())
    }
}
