//! The service file: parameters under a name.
//!
//! Source: PostgreSQL's documentation of libpq, "The Connection Service File".

use std::path::{Path, PathBuf};

use super::text::Pairs;
use super::{ConninfoError, Surroundings, keyword};

/// The parameters of a service: the user's own file first, then the system's.
///
/// # Errors
/// If no file names it, or one that is read is damaged.
pub(super) fn look_up(
    service: &str,
    file: Option<&str>,
    surroundings: &Surroundings,
) -> Result<Pairs, ConninfoError> {
    let users_own = file
        .map(PathBuf::from)
        .or_else(|| surroundings.in_home(".pg_service.conf"));
    let system = match surroundings.variable("PGSYSCONFDIR") {
        Some(directory) => vec![PathBuf::from(directory)],
        None => surroundings.system_directories.clone(),
    };
    let mut files: Vec<PathBuf> = users_own.into_iter().collect();
    files.extend(
        system
            .iter()
            .map(|directory| directory.join("pg_service.conf")),
    );
    for path in &files {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if is_absent(&error) => continue,
            Err(source) => {
                return Err(ConninfoError::File {
                    what: "service file",
                    path: path.display().to_string(),
                    source,
                });
            }
        };
        if let Some(pairs) = section(&text, service, path)? {
            return Ok(pairs);
        }
    }
    let looked: Vec<String> = files
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    Err(ConninfoError::ServiceNotFound {
        service: service.to_owned(),
        looked: looked.join(", "),
    })
}

fn is_absent(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory)
}

/// The parameters of one section; none if the file has no such section. Of a parameter that is there twice the first counts.
fn section(text: &str, service: &str, path: &Path) -> Result<Option<Pairs>, ConninfoError> {
    let damaged = |line: usize, reason: &str| ConninfoError::Damaged {
        what: "service file",
        path: path.display().to_string(),
        line: line + 1,
        reason: reason.to_owned(),
    };
    let mut found: Option<Pairs> = None;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix('[') {
            if found.is_some() {
                break;
            }
            let name = name.split(']').next().unwrap_or_default();
            found = (name == service).then(Pairs::new);
            continue;
        }
        let Some(pairs) = &mut found else { continue };
        if line.starts_with("ldap") {
            return Err(damaged(
                number,
                "services kept in LDAP are not looked up here",
            ));
        }
        let (name, value) = line
            .split_once('=')
            .ok_or_else(|| damaged(number, "no = in it; a parameter is written name=value"))?;
        if matches!(name, "service" | "servicefile") {
            return Err(damaged(number, "a service cannot name another"));
        }
        keyword::find(name, "the service file")
            .map_err(|error| damaged(number, &error.to_string()))?;
        if !pairs.iter().any(|(known, _)| known == name) {
            pairs.push((name.to_owned(), value.to_owned()));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# mine\n[other]\nhost=x\n\n[mine]\n  host=y\nport=7\nhost=z\n[mine]\nport=8\n[bad]\nhost y\n[nested]\nservice=mine\n[typo]\nhst=y\n";

    fn read(service: &str) -> Result<Option<Pairs>, String> {
        section(FILE, service, Path::new("f")).map_err(|error| error.to_string())
    }

    #[test]
    fn the_first_section_of_that_name_counts_and_in_it_the_first_value() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            read("mine"),
            Ok(Some(vec![pair("host", "y"), pair("port", "7")]))
        );
        assert_eq!(read("absent"), Ok(None));
    }

    #[test]
    fn a_damaged_section_names_its_line() {
        for (service, wanted) in [
            ("bad", "service file f, line 12: no = in it"),
            (
                "nested",
                "service file f, line 14: a service cannot name another",
            ),
            (
                "typo",
                "service file f, line 16: libpq knows no connection parameter hst",
            ),
        ] {
            let message = read(service).expect_err("damaged");
            assert!(message.starts_with(wanted), "{message}");
        }
    }

    #[test]
    fn the_users_own_file_comes_before_the_systems() {
        let directory = tempfile::tempdir().expect("a directory");
        let system = directory.path().join("system");
        std::fs::create_dir(&system).expect("makes it");
        std::fs::write(
            system.join("pg_service.conf"),
            "[mine]\nhost=system\n[only]\nhost=there\n",
        )
        .expect("writes");
        std::fs::write(
            directory.path().join(".pg_service.conf"),
            "[mine]\nhost=own\n",
        )
        .expect("writes");
        let surroundings = Surroundings {
            home: Some(directory.path().to_path_buf()),
            system_directories: vec![system],
            ..Surroundings::default()
        };
        let host = |service| look_up(service, None, &surroundings).map(|pairs| pairs[0].1.clone());
        assert_eq!(host("mine").expect("found"), "own");
        assert_eq!(host("only").expect("found"), "there");
        let message = host("none").expect_err("absent").to_string();
        assert!(
            message.contains("no service none") && message.contains(".pg_service.conf, "),
            "{message}"
        );
    }
}
