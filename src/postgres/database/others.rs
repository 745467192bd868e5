//! Databases that other installations of this program left on a server: other cache directories, other machines.

use super::mark::{Mark, Standing};
use super::{DatabaseError, Databases};

/// A database of another installation, of the same role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherDatabase {
    /// Its name.
    pub name: String,
    /// Identifies the cache directory of its maker.
    pub installation: String,
    /// Whether its maker is still at work.
    pub standing: Standing,
    /// Size in bytes.
    pub bytes: u64,
}

impl Databases {
    /// The databases of other installations on a server of others that the role owns; none on a managed server.
    ///
    /// # Errors
    /// If the server refuses.
    pub async fn of_other_installations(&self) -> Result<Vec<OtherDatabase>, DatabaseError> {
        let Some(guest) = &self.guest else {
            return Ok(Vec::new());
        };
        let (commented, living) = self.commented_databases().await?;
        let each = commented.into_iter().filter_map(|database| {
            let mark = Mark::read_any(&database.comment)?;
            (mark.installation() != self.installation).then(|| OtherDatabase {
                name: database.name,
                installation: mark.installation().to_owned(),
                // One that is kept for later runs is copied by its maker for the time being.
                standing: if mark.is_maker_living(&living) {
                    Standing::InUse
                } else {
                    guest.standing(&mark, &living)
                },
                bytes: database.bytes,
            })
        });
        Ok(each.collect())
    }

    /// Drops a database of another installation, after another look at whose it is and whether its maker is at work; says whether it
    /// did. No session in it is ended: one that somebody is in stays.
    ///
    /// # Errors
    /// If the server refuses.
    pub async fn drop_of_other(&self, database: &OtherDatabase) -> Result<bool, DatabaseError> {
        let now = self.of_other_installations().await?;
        let same = |one: &OtherDatabase| {
            one.name == database.name && one.installation == database.installation
        };
        let found = now.iter().find(|one| same(one));
        if found.is_none_or(|one| one.standing == Standing::InUse) {
            return Ok(false);
        }
        let statement = format!("drop database if exists {}", database.name);
        self.execute("drop", &database.name, &statement).await?;
        Ok(true)
    }
}
