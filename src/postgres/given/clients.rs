//! Who else is on a server.

use std::collections::BTreeMap;

/// Another client's session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// The database it is in.
    pub database: String,
    /// What it calls itself; empty where it does not.
    pub application: String,
    /// What it does.
    pub activity: Activity,
}

/// What another client's session does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// A statement or a transaction is under way, or there was one within the last minute.
    Active,
    /// The role may not see it.
    Hidden,
    /// Nothing for a minute or more.
    Idle,
}

/// The sessions of other clients. `state` and `query_start` are hidden from roles without the right to see them, and then so is the
/// kind of backend; what has neither role nor database is none of a client.
pub(super) const QUERY: &str = "select pid, datname::text, coalesce(application_name, ''), \
         case when state is null or state = 'disabled' then 'hidden' \
              when state <> 'idle' or query_start > clock_timestamp() - interval '1 minute' then 'active' \
              else 'idle' end \
     from pg_stat_activity \
     where datid is not null and usesysid is not null and coalesce(backend_type, 'client backend') = 'client backend'";

/// What [`QUERY`] calls it.
pub(super) fn activity(word: &str) -> Activity {
    match word {
        "active" => Activity::Active,
        "idle" => Activity::Idle,
        _ => Activity::Hidden,
    }
}

/// How many are there, in which databases, by which applications: `3 sessions: 2 in app (web), 1 in shop`.
#[must_use]
pub fn describe<'c>(clients: impl Iterator<Item = &'c Client>) -> String {
    let mut databases: BTreeMap<&str, (usize, Vec<&str>)> = BTreeMap::new();
    let mut total = 0;
    let mut hidden = false;
    for client in clients {
        total += 1;
        hidden |= client.activity == Activity::Hidden;
        let (count, applications) = databases.entry(&client.database).or_default();
        *count += 1;
        if !client.application.is_empty() && !applications.contains(&&*client.application) {
            applications.push(&client.application);
        }
    }
    let each: Vec<String> = databases
        .into_iter()
        .map(|(database, (count, applications))| {
            let named = if applications.is_empty() {
                String::new()
            } else {
                format!(" ({})", applications.join(", "))
            };
            format!("{count} in database {database}{named}")
        })
        .collect();
    let noun = if total == 1 { "session" } else { "sessions" };
    let hidden = if hidden {
        ", some of which this role may not look into"
    } else {
        ""
    };
    format!("{total} {noun}: {}{hidden}", each.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_counted_by_database_and_named() {
        let client = |database: &str, application: &str, activity| Client {
            database: database.to_owned(),
            application: application.to_owned(),
            activity,
        };
        let clients = [
            client("shop", "web", Activity::Active),
            client("shop", "web", Activity::Active),
            client("bank", "", Activity::Hidden),
        ];
        assert_eq!(
            describe(clients.iter()),
            "3 sessions: 1 in database bank, 2 in database shop (web), some of which this role may not look into"
        );
        assert_eq!(
            describe(clients[..1].iter()),
            "1 session: 1 in database shop (web)"
        );
    }
}
