//! A schema of our own dropped, unless that would drop what is not ours with it.

use super::{OwnSchema, SchemaError, quoted, watch};

/// How long a drop may wait for others who are using the schema. What waits behind it waits as long.
const LOCK_TIMEOUT: &str = "set local lock_timeout = '10s'";

impl OwnSchema {
    /// Drops it with everything in it and then runs `then`, all in one transaction: undone as a whole if it takes something along that
    /// lies outside, as a view of somebody else's over one of its tables does.
    ///
    /// # Errors
    /// If something outside depends on it, or the server refuses.
    pub(super) async fn drop_and(&self, then: &str) -> Result<(), SchemaError> {
        let dropped = self.try_to_drop(then).await;
        if dropped.is_err() {
            let _ = self.session.batch_execute("rollback").await;
        }
        dropped
    }

    async fn try_to_drop(&self, then: &str) -> Result<(), SchemaError> {
        let witness = self.address.connect(self.database()).await;
        let witness = witness.map_err(|error| SchemaError::Connect(Box::new(error)))?;
        let name = quoted(self.name());
        let drop = format!("begin; {LOCK_TIMEOUT}; drop schema {name} cascade");
        self.execute("drop", &drop).await?;
        let outside = watch::outside_a_dropped_schema(&self.session, &witness, self.name())
            .await
            .map_err(self.options.failed("look around"))?;
        witness.close().await;
        if !outside.is_empty() {
            return Err(SchemaError::DependedOn {
                name: self.name().to_owned(),
                database: self.database().to_owned(),
                what: outside.join(", "),
            });
        }
        self.execute("make", &format!("{then}; commit")).await
    }
}
