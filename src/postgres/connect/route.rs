//! The way to a server, for another process of this program: through a pipe, never in its arguments, its environment or a file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Address, AddressError, Opened};
use crate::postgres::conninfo::{Secret, Surroundings};

/// The way to one server. Serialized it may hold a password; its `Debug` never does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Route {
    /// The managed server with its socket in this directory.
    Socket(PathBuf),
    /// A server of the user's own.
    Text {
        /// The connection string as it was given.
        #[serde(serialize_with = "expose", deserialize_with = "conceal")]
        text: Secret,
        /// Server and user that it led to: it may name several.
        led_to: String,
    },
}

fn expose<S: Serializer>(secret: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose())
}

fn conceal<'d, D: Deserializer<'d>>(deserializer: D) -> Result<Secret, D::Error> {
    String::deserialize(deserializer).map(Secret::new)
}

/// How an address was found.
#[derive(Clone)]
pub(super) enum Origin {
    /// It is that of a managed server.
    Socket(Arc<Path>),
    /// A connection string said so.
    Text(Secret),
}

impl Address {
    /// The way to the same server, but not to one schema of it, for another process with the same surroundings.
    #[must_use]
    pub fn route(&self) -> Route {
        match &self.origin {
            Origin::Socket(directory) => Route::Socket(directory.to_path_buf()),
            Origin::Text(text) => Route::Text {
                text: text.clone(),
                led_to: self.describe(),
            },
        }
    }

    /// The server at the end of a route.
    ///
    /// # Errors
    /// If it cannot be reached any more, or the connection string leads to another one now.
    pub async fn by(route: &Route) -> Result<Address, AddressError> {
        let (text, led_to) = match route {
            Route::Socket(directory) => return Ok(Address::socket(directory)),
            Route::Text { text, led_to } => (text, led_to),
        };
        let surroundings = Surroundings::of_this_process();
        let Opened {
            address, session, ..
        } = Address::of(text.expose(), &surroundings).await?;
        session.close().await;
        let server = address.describe();
        if server != *led_to {
            let expected = led_to.clone();
            return Err(AddressError::Another { server, expected });
        }
        Ok(address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_reads_back_and_shows_no_password() {
        let routes = [
            Address::socket(Path::new("/tmp/x y")).route(),
            Route::Text {
                text: Secret::new("postgres://u:S3CRET@h/d"),
                led_to: "h:5432 as user u".to_owned(),
            },
        ];
        assert_eq!(routes[0], Route::Socket(PathBuf::from("/tmp/x y")));
        for route in &routes {
            let written = serde_json::to_string(route).expect("it is written");
            let read: Route = serde_json::from_str(&written).expect("it is read");
            assert_eq!(read, *route);
            assert!(!format!("{route:?}").contains("S3CRET"), "{route:?}");
        }
    }
}
