//! Files of a user's own that appear whole or not at all, and never in the place of others.
//!
//! They are written below a hidden folder beside their place, with the folders that are missing on the way to it, and moved from
//! there by a rename that fails where something stands: nobody sees half of it, and after a failure nothing is left.

use std::path::{Component, Path, PathBuf};
use std::{fs, io};

use tempfile::{TempDir, TempPath};
use thiserror::Error;

/// Why nothing was written.
#[derive(Debug, Error)]
pub(in crate::cli::commands) enum PlaceError {
    /// A folder that holds something.
    #[error(
        "{path} is there and holds `{entry}`, and nothing is overwritten: give another name, or empty it"
    )]
    NotEmpty {
        /// The folder.
        path: String,
        /// What it holds.
        entry: String,
    },
    /// Something that is no folder, or where a file should go, anything.
    #[error("{path} is there already, and nothing is overwritten: give another name, or remove it")]
    Taken {
        /// What is there.
        path: String,
    },
    /// `..` below a folder that does not exist.
    #[error(
        "{path} leads through {missing}, which does not exist: make that folder first, or give another path"
    )]
    NoWay {
        /// The path.
        path: String,
        /// The folder that is missing.
        missing: String,
    },
    /// The system refuses.
    #[error("cannot write {path}: make the folder it goes into writable, or give another path")]
    Refused {
        /// The path.
        path: String,
        /// Why.
        source: io::Error,
    },
}

/// Writes a folder with these files.
///
/// # Errors
/// A folder that holds something, something else of this name, and what the system refuses.
pub(super) fn write_folder(path: &Path, files: &[(&str, &str)]) -> Result<(), PlaceError> {
    check_free(path, true)?;
    stage(path, |staged| {
        fs::create_dir_all(staged)?;
        let write = |(name, text): &(&str, &str)| fs::write(staged.join(name), text);
        files.iter().try_for_each(write)
    })
}

/// Writes a file.
///
/// # Errors
/// Anything of this name, and what the system refuses.
pub(in crate::cli::commands) fn write_file(path: &Path, text: &str) -> Result<(), PlaceError> {
    check_free(path, false)?;
    stage(path, |staged| {
        if let Some(folder) = staged.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(staged, text)
    })
}

/// The rename sees to it that nothing is lost; this is to say what is in the way.
fn check_free(path: &Path, empty_folder_is: bool) -> Result<(), PlaceError> {
    let shown = path.display().to_string();
    if path.symlink_metadata().is_err() {
        return Ok(());
    }
    let is_link = path.is_symlink();
    if !empty_folder_is || is_link || !path.is_dir() {
        return Err(PlaceError::Taken { path: shown });
    }
    let refused = |source| PlaceError::Refused {
        path: shown.clone(),
        source,
    };
    let mut entries = fs::read_dir(path).map_err(refused)?;
    match entries.next() {
        None => Ok(()),
        Some(entry) => Err(PlaceError::NotEmpty {
            entry: entry.map_err(refused)?.file_name().display().to_string(),
            path: shown,
        }),
    }
}

/// Lets `write` make what is to stand at `path` in a folder of its own, and moves it there.
fn stage(path: &Path, write: impl FnOnce(&Path) -> io::Result<()>) -> Result<(), PlaceError> {
    let way = Way::to(path)?;
    let done = || {
        let own = tempfile::Builder::new()
            .prefix(".pgq-analyze-")
            .tempdir_in(&way.stands)?;
        let staged = own.path().join("new");
        write(&match way.below.as_os_str().is_empty() {
            true => staged.clone(),
            false => staged.join(&way.below),
        })?;
        move_to(&staged, &way.made, own)
    };
    done().map_err(|source: io::Error| match source.kind() {
        // Made by somebody else since it was looked for.
        io::ErrorKind::AlreadyExists | io::ErrorKind::DirectoryNotEmpty => PlaceError::Taken {
            path: path.display().to_string(),
        },
        _ => PlaceError::Refused {
            path: path.display().to_string(),
            source,
        },
    })
}

/// Renames a folder, which fails where one stands that is not empty, or a file, which must not take the place of anything.
fn move_to(staged: &Path, path: &Path, own: TempDir) -> io::Result<()> {
    if staged.is_dir() {
        fs::rename(staged, path)?;
    } else {
        let staged = TempPath::try_from_path(staged)?;
        staged
            .persist_noclobber(path)
            .map_err(|error| error.error)?;
    }
    own.close()
}

/// The way to a path: `stands` is there, `made` is what has to be made in it, and `below` the rest.
struct Way {
    stands: PathBuf,
    made: PathBuf,
    below: PathBuf,
}

impl Way {
    fn to(path: &Path) -> Result<Way, PlaceError> {
        let mut made = path;
        let stands = loop {
            match made.parent() {
                None => break Path::new("."),
                Some(folder) if folder.as_os_str().is_empty() => break Path::new("."),
                Some(folder) if folder.symlink_metadata().is_ok() => break folder,
                Some(folder) => made = folder,
            }
        };
        let below = path.strip_prefix(made).unwrap_or(Path::new(""));
        let mut parts = made
            .components()
            .next_back()
            .into_iter()
            .chain(below.components());
        if !parts.all(|part| matches!(part, Component::Normal(_))) {
            return Err(PlaceError::NoWay {
                path: path.display().to_string(),
                missing: made.display().to_string(),
            });
        }
        Ok(Way {
            stands: stands.to_owned(),
            made: made.to_owned(),
            below: below.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILES: [(&str, &str); 2] = [("queue.toml", "a"), ("fetch.sql", "b")];

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_folder_appears_with_those_on_the_way_to_it() {
        let place = tempfile::tempdir().unwrap();
        let empty = place.path().join("empty");
        fs::create_dir(&empty).unwrap();
        for path in [empty, place.path().join("a/b/c"), place.path().join("a/d")] {
            write_folder(&path, &FILES).unwrap();
            assert_eq!(names(&path), ["fetch.sql", "queue.toml"]);
            assert_eq!(fs::read_to_string(path.join("fetch.sql")).unwrap(), "b");
        }
        write_file(&place.path().join("a/b/f.toml"), "f").unwrap();
        write_file(&place.path().join("e/f.toml"), "f").unwrap();
        assert_eq!(names(&place.path().join("a/b")), ["c", "f.toml"]);
        assert_eq!(names(&place.path().join("e")), ["f.toml"]);
        assert_eq!(
            names(place.path()),
            ["a", "e", "empty"],
            "nothing hidden is left"
        );
    }

    #[test]
    fn what_is_there_stays_as_it_is() {
        let place = tempfile::tempdir().unwrap();
        let taken = place.path().join("taken");
        fs::create_dir(&taken).unwrap();
        fs::write(taken.join("fetch.sql"), "mine").unwrap();
        std::os::unix::fs::symlink("nowhere", place.path().join("link")).unwrap();
        let message = |result: Result<(), PlaceError>| result.unwrap_err().to_string();
        let said = message(write_folder(&taken, &FILES));
        assert!(
            said.ends_with(
                "holds `fetch.sql`, and nothing is overwritten: give another name, or empty it"
            ),
            "{said}"
        );
        for path in [taken.join("fetch.sql"), place.path().join("link")] {
            let said = "is there already, and nothing is overwritten";
            assert!(message(write_folder(&path, &FILES)).contains(said));
            assert!(message(write_file(&path, "x")).contains(said));
        }
        assert_eq!(fs::read_to_string(taken.join("fetch.sql")).unwrap(), "mine");
        assert_eq!(names(place.path()), ["link", "taken"]);
        // Also where it came after it was looked for.
        let late = stage(&taken, |staged| fs::create_dir(staged));
        assert!(matches!(late, Err(PlaceError::Taken { .. })), "{late:?}");
        let late = stage(&taken.join("fetch.sql"), |staged| fs::write(staged, "x"));
        assert!(matches!(late, Err(PlaceError::Taken { .. })), "{late:?}");
        assert_eq!(names(&taken), ["fetch.sql"]);
        assert_eq!(fs::read_to_string(taken.join("fetch.sql")).unwrap(), "mine");
    }

    #[test]
    fn a_failure_leaves_nothing() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("a/b");
        let failed = stage(&path, |staged| {
            fs::create_dir_all(staged)?;
            fs::write(staged.join("fetch.sql"), "half")?;
            Err(io::ErrorKind::StorageFull.into())
        });
        assert!(
            matches!(failed, Err(PlaceError::Refused { .. })),
            "{failed:?}"
        );
        fs::write(place.path().join("file"), "").unwrap();
        let in_a_file = write_folder(&place.path().join("file/q"), &FILES);
        assert!(
            matches!(in_a_file, Err(PlaceError::Refused { .. })),
            "{in_a_file:?}"
        );
        let around = write_folder(&place.path().join("x/../q"), &FILES);
        assert!(
            matches!(around, Err(PlaceError::NoWay { .. })),
            "{around:?}"
        );
        assert_eq!(names(place.path()), ["file"]);
    }
}
