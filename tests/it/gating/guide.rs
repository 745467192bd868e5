//! The page about the gate, docs/gating.md, as something that can be carried out: its files written, its commands run, in their order.

use std::fs;
use std::path::Path;

use super::repository::Repository;

/// A fenced block of the page.
#[derive(Debug, PartialEq)]
enum Block {
    /// Commands.
    Commands(String),
    /// A file, whose first line says where it lies.
    File { path: String, text: String },
}

/// The page's blocks in their order. Every block is carried out or it is an error: there is none to look at only.
fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(language) = line.strip_prefix("```") else {
            continue;
        };
        let inside: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        let text = inside.join("\n") + "\n";
        blocks.push(match (language, inside.first()) {
            ("sh", _) => Block::Commands(text),
            ("toml", Some(first)) => {
                let path = first.strip_prefix("# ").expect("the file's path");
                let path = path.to_owned();
                Block::File { path, text }
            }
            _ => panic!("a block of {language:?}: {text}"),
        });
    }
    blocks
}

/// The page.
fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/gating.md");
    fs::read_to_string(path).expect("reads the page")
}

/// Its two parts, before and after this heading.
fn parts<'p>(page: &'p str, heading: &str) -> (&'p str, &'p str) {
    page.split_once(heading).expect("the page has the heading")
}

/// The first command below this heading.
pub(super) fn command_below(heading: &str) -> String {
    let page = page();
    let mut below = blocks(parts(&page, heading).1).into_iter();
    match below.next() {
        Some(Block::Commands(text)) => text,
        other => panic!("no command below {heading}: {other:?}"),
    }
}

/// Carries out the page from its beginning to this heading. Every command has to succeed.
pub(super) fn follow(repository: &Repository, until: &str) {
    let page = page();
    let part = parts(&page, until).0;
    for block in blocks(part) {
        match block {
            Block::File { path, text } => repository.write(&path, &text),
            Block::Commands(text) => {
                // The version is pinned there; these tests run on each.
                let text = text.replace("--postgres 18", r#"--postgres "$GATE_POSTGRES""#);
                repository
                    .bash(&format!("set -euo pipefail\n{text}"))
                    .expect_code(0);
            }
        }
    }
}

#[test]
fn a_page_is_read_block_by_block() {
    let page = "Text.\n```sh\none\ntwo\n```\n\n```toml\n# a/b.toml\nkey = 1\n```\n`x` ```\n";
    let file = Block::File {
        path: "a/b.toml".to_owned(),
        text: "# a/b.toml\nkey = 1\n".to_owned(),
    };
    let commands = Block::Commands("one\ntwo\n".to_owned());
    assert_eq!(blocks(page), [commands, file]);
}
