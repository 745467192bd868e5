//! The password file: `host:port:database:user:password`, a line each.
//!
//! Source: PostgreSQL's documentation of libpq, "The Password File".

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::Secret;

/// What a password is looked up for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'w> {
    /// The host's name; `localhost` for the usual unix socket, the directory for any other.
    pub(super) host: &'w str,
    pub(super) port: u16,
    pub(super) database: &'w str,
    pub(super) user: &'w str,
}

/// The text of a password file; none if there is none or it may not be used, which is a warning then.
pub(super) fn read(path: &Path, warnings: &mut Vec<String>) -> Option<String> {
    let about = std::fs::metadata(path).ok()?;
    let shown = path.display();
    if !about.is_file() {
        warnings.push(format!(
            "password file {shown} is not used: it is no plain file"
        ));
        return None;
    }
    if about.permissions().mode() & 0o077 != 0 {
        warnings.push(format!(
            "password file {shown} is not used: others than its owner may use it; chmod 0600 {shown}"
        ));
        return None;
    }
    match std::fs::read(path) {
        Ok(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) => {
            warnings.push(format!("password file {shown} is not used: {error}"));
            None
        }
    }
}

/// The password of the first line that fits.
pub(super) fn look_up(text: &str, wanted: Wanted) -> Option<Secret> {
    let port = wanted.port.to_string();
    let fields = [wanted.host, &port, wanted.database, wanted.user];
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .find_map(|line| password(line.strip_suffix('\r').unwrap_or(line), &fields))
}

/// The password of one line, if its fields are those wanted or `*`.
fn password(line: &str, wanted: &[&str]) -> Option<Secret> {
    let mut rest = line;
    for field in wanted {
        let (written, after) = split_field(rest);
        if written != "*" && unescape(written) != *field {
            return None;
        }
        rest = after?;
    }
    // What follows the password, after another colon, is not a part of it.
    let password = unescape(split_field(rest).0);
    (!password.is_empty()).then(|| Secret::new(password))
}

/// Up to a colon that no backslash stands before, and what follows it.
fn split_field(text: &str) -> (&str, Option<&str>) {
    let mut escaped = false;
    for (at, character) in text.char_indices() {
        match character {
            ':' if !escaped => return (&text[..at], Some(&text[at + 1..])),
            _ => escaped = character == '\\' && !escaped,
        }
    }
    (text, None)
}

fn unescape(text: &str) -> String {
    let mut characters = text.chars();
    let mut plain = String::new();
    while let Some(character) = characters.next() {
        match character {
            // A backslash at the end stands for itself.
            '\\' => plain.push(characters.next().unwrap_or('\\')),
            other => plain.push(other),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# comment\nh:5432:d:u:one\nh:*:*:u:two\r\n\\:\\:1:5432:*:*:th\\:ree\\\\\n*:*:*:empty:\n/run/x:5432:d:u:socket\nhalf:5432\n*:*:*:u:last\n";

    fn found(host: &str, port: u16, database: &str, user: &str) -> Option<String> {
        look_up(
            FILE,
            Wanted {
                host,
                port,
                database,
                user,
            },
        )
        .map(|secret| secret.expose().to_owned())
    }

    #[test]
    fn the_first_line_that_fits_has_the_password() {
        assert_eq!(found("h", 5432, "d", "u").as_deref(), Some("one"));
        assert_eq!(found("h", 5433, "d", "u").as_deref(), Some("two"));
        assert_eq!(found("::1", 5432, "x", "y").as_deref(), Some("th:ree\\"));
        assert_eq!(found("/run/x", 5432, "d", "u").as_deref(), Some("socket"));
        assert_eq!(found("half", 5432, "d", "u").as_deref(), Some("last"));
        assert_eq!(found("h", 5432, "d", "empty"), None);
        assert_eq!(found("h", 5432, "d", "nobody"), None);
    }

    #[test]
    fn a_file_that_others_may_read_is_not_used() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("pgpass");
        std::fs::write(&path, "*:*:*:*:x").expect("writes");
        let mode = |mode| {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("chmod")
        };
        let mut warnings = Vec::new();
        mode(0o640);
        assert_eq!(read(&path, &mut warnings), None);
        assert!(warnings[0].contains("chmod 0600"), "{warnings:?}");
        mode(0o600);
        assert_eq!(read(&path, &mut warnings).as_deref(), Some("*:*:*:*:x"));
        assert_eq!(read(directory.path(), &mut warnings), None);
        assert_eq!(read(&directory.path().join("absent"), &mut warnings), None);
        assert_eq!(warnings.len(), 2, "{warnings:?}");
    }
}
