//! A scratch repository of somebody who uses the program: with Git, and with the program and GitHub's `gh` in its PATH.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use pgq_analyze::postgres::binaries::Wanted;

use crate::place::Place;
use crate::program::{self, BINARY, Ran};

/// Stands for GitHub: keeps the comments of a pull request as files, a number each, and notes what was asked of it. A comment that is not
/// the pull request's or not a bot's is what the jq expression is about; here all are.
const GH: &str = r#"#!/usr/bin/env bash
set -euo pipefail
asked=$*
echo "$asked" >>"$GH_KEPT/calls"
[ -n "${GH_TOKEN:-}" ] || { echo 'gh: no token' >&2; exit 4; }
comments=repos/somebody/shop/issues
case "$asked" in
"api --paginate $comments/7/comments --jq "*)
    mark=$(sed -n 's/.*startswith("\(.*\)").*/\1/p' <<<"$asked")
    for comment in "$GH_KEPT"/*.md; do
        [ ! -e "$comment" ] || [ "$(head -n 1 "$comment")" != "$mark" ] || basename "$comment" .md
    done ;;
"api --silent --method "*)
    [ ! -e "$GH_KEPT/forbidden" ] || { echo 'gh: Resource not accessible by integration (HTTP 403)' >&2; exit 1; }
    case "$asked" in
    *" POST $comments/7/comments -F body=@"*) number=$((100 + $(ls "$GH_KEPT" | wc -l))) ;;
    *" PATCH $comments/comments/"*" -F body=@"*) number=${asked#*/issues/comments/} number=${number%% *} ;;
    *) echo "gh: unexpected: $asked" >&2; exit 1 ;;
    esac
    cp "${asked##*@}" "$GH_KEPT/$number.md" ;;
*) echo "gh: unexpected: $asked" >&2; exit 1 ;;
esac
"#;

/// The repository, and what lies around it.
#[derive(Debug)]
pub(super) struct Repository {
    place: Place,
    /// What `--postgres` is given.
    postgres: String,
}

impl Repository {
    /// An empty one, with a checkout of this program beside it.
    pub(super) fn new() -> Repository {
        let place = Place::with_warm_cache();
        let postgres = match program::wanted() {
            Wanted::Newest => program::installation().bin_dir.display().to_string(),
            named => named.to_string(),
        };
        let repository = Repository { place, postgres };
        for folder in ["shop", "home", "comments", "bin"] {
            fs::create_dir(repository.beside(folder)).expect("makes a folder");
        }
        symlink(env!("CARGO_MANIFEST_DIR"), repository.beside("pgq-analyze")).expect("links");
        let cache = repository.place.cache();
        // In place of an installed one: what is installed here is the program under test, with a cache of the tests.
        let installed = format!(
            "#!/bin/sh\nexec {BINARY} \"$@\" --cache-dir {}\n",
            cache.display()
        );
        repository.program("pgq-analyze", &installed);
        repository.program("gh", GH);
        repository.bash("git init -q -b main").expect_code(0);
        repository
    }

    fn beside(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    fn program(&self, name: &str, text: &str) {
        let path = self.beside("bin").join(name);
        fs::write(&path, text).expect("writes a program");
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("makes it one");
    }

    /// The work tree.
    pub(super) fn root(&self) -> PathBuf {
        self.beside("shop")
    }

    /// The comments of the pull request, the oldest first.
    pub(super) fn comments(&self) -> Vec<String> {
        let entries = fs::read_dir(self.beside("comments")).expect("lists the comments");
        let mut paths: Vec<PathBuf> = entries
            .map(|entry| entry.expect("reads the folder").path())
            .filter(|path| path.extension().is_some_and(|found| found == "md"))
            .collect();
        paths.sort();
        paths.iter().map(|path| read(path)).collect()
    }

    /// From here on nobody may write comments.
    pub(super) fn forbid_comments(&self) {
        fs::write(self.beside("comments/forbidden"), "").expect("writes the mark");
    }

    /// Writes a file of the work tree.
    pub(super) fn write(&self, name: &str, text: &str) {
        self.place.write(&format!("shop/{name}"), text);
    }

    /// Reads a file of the work tree.
    pub(super) fn read(&self, name: &str) -> String {
        read(&self.root().join(name))
    }

    /// Replaces a piece of a file that occurs in it once.
    #[track_caller]
    pub(super) fn edit(&self, name: &str, from: &str, to: &str) {
        let text = self.read(name);
        assert_eq!(text.matches(from).count(), 1, "{from:?} in {name}:\n{text}");
        self.write(name, &text.replace(from, to));
    }

    /// Undoes what is not committed.
    pub(super) fn restore(&self) {
        self.bash("git checkout -q -- .").expect_code(0);
    }

    /// Runs a script in the work tree.
    pub(super) fn bash(&self, script: &str) -> Ran {
        self.bash_with(script, &[])
    }

    /// The same with these variables.
    pub(super) fn bash_with(&self, script: &str, variables: &[(&str, &str)]) -> Ran {
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new("bash");
        // As GitHub runs a step that names no shell.
        command
            .args(["-e", "-c", script])
            .current_dir(self.root())
            .env_clear()
            .env("PATH", format!("{}:{path}", self.beside("bin").display()))
            .env("HOME", self.beside("home"))
            .env("GH_KEPT", self.beside("comments"))
            .env("GATE_POSTGRES", &self.postgres)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .stdin(Stdio::null());
        for who in ["AUTHOR", "COMMITTER"] {
            command
                .env(format!("GIT_{who}_NAME"), "Somebody")
                .env(format!("GIT_{who}_EMAIL"), "somebody@example.org");
        }
        command.envs(variables.iter().copied());
        program::finish(command)
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
