//! The checks of the tidy test: each takes texts and returns what is wrong with them.

use std::collections::BTreeSet;
use std::path::Path;

/// What a report must not know: how its results came about.
const MEASURING: &[&str] = &["explain", "fixture", "statement", "postgres"];

/// The text without line comments, line by line.
pub(crate) fn code(text: &str) -> String {
    let without_comment = |line: &str| {
        let comment = line.find("//").filter(|at| !line[..*at].ends_with(':'));
        line[..comment.unwrap_or(line.len())].to_owned()
    };
    text.lines()
        .map(|line| without_comment(line) + "\n")
        .collect()
}

/// The text up to its tests, which stand last.
pub(crate) fn before_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or(text)
}

/// Whether `word` stands in `text` by itself, not as a part of a longer name.
pub(crate) fn has_word(text: &str, word: &str) -> bool {
    let in_name = |character: char| character.is_alphanumeric() || character == '_';
    text.match_indices(word).any(|(at, _)| {
        !text[..at].ends_with(in_name) && !text[at + word.len()..].starts_with(in_name)
    })
}

/// The module a source file is: `["run", "store"]` for src/run/store.rs and for src/run/store/mod.rs.
pub(crate) fn module_path(path: &str) -> Vec<&str> {
    let inner = path.trim_start_matches("src/").trim_end_matches(".rs");
    inner.split('/').filter(|part| *part != "mod").collect()
}

/// Modules of the crate's root that a text names after `crate::`.
pub(crate) fn imports(text: &str) -> BTreeSet<&str> {
    let in_name = |character: char| character.is_alphanumeric() || character == '_';
    let named = text.split("crate::").skip(1);
    named
        .map(|rest| rest.split(|c| !in_name(c)).next().unwrap_or_default())
        .collect()
}

/// The layers from the bottom up, out of the picture in src/lib.rs: `//! cli → experiment, report → …`.
pub(crate) fn layers(lib: &str) -> Vec<Vec<String>> {
    let picture = lib.lines().find(|line| line.starts_with("//! cli → "));
    let picture = picture.expect("src/lib.rs has a line with the layers");
    let layer = |text: &str| {
        text.split(',')
            .map(|module| module.trim().to_owned())
            .collect()
    };
    picture
        .trim_start_matches("//!")
        .split('→')
        .rev()
        .map(layer)
        .collect()
}

/// Imports of one file that do not go down.
pub(crate) fn upward_imports(layers: &[Vec<String>], path: &str, text: &str) -> Vec<String> {
    let level = |module: &str| {
        layers
            .iter()
            .position(|layer| layer.iter().any(|one| one == module))
    };
    let module = module_path(path);
    let Some(own) = level(module[0]) else {
        return Vec::new();
    };
    let text = code(text);
    let mut complaints = Vec::new();
    for imported in imports(&text) {
        if imported.is_empty() {
            complaints.push(format!(
                "{path}: `crate::{{…}}` hides what is imported: write a line for each"
            ));
        }
        if imported != module[0] && level(imported).is_some_and(|other| other >= own) {
            complaints.push(format!(
                "{path}: {} must not import {imported}, which is not below it",
                module[0]
            ));
        }
        // A report is made of a run, whoever made that.
        if module[0] == "report" && MEASURING.contains(&imported) {
            complaints.push(format!("{path}: a report knows results, not {imported}"));
        }
    }
    if before_tests(&text).contains(&"super::".repeat(module.len())) {
        complaints.push(format!(
            "{path}: `super` reaches the crate's root here: write `crate::`"
        ));
    }
    complaints
}

/// Words of `words` that stand in the code of a file.
pub(crate) fn misplaced(
    words: &[&str],
    path: &str,
    text: &str,
    where_they_belong: &str,
) -> Vec<String> {
    let text = code(before_tests(text));
    let found = words.iter().filter(|word| has_word(&text, word));
    found
        .map(|word| format!("{path}: {word} belongs {where_they_belong}"))
        .collect()
}

/// Source files that are compiled for tests only: declared below `#[cfg(test)]`, and what is below those.
pub(crate) fn test_only(sources: &[(String, String)]) -> Vec<String> {
    let mut modules = Vec::new();
    for (path, text) in sources {
        let lines: Vec<&str> = text.lines().collect();
        for pair in lines.windows(2).filter(|pair| pair[0] == "#[cfg(test)]") {
            if let Some(name) = pair[1]
                .strip_suffix(';')
                .and_then(|line| line.split("mod ").nth(1))
            {
                modules.push(format!("src/{}/{name}", module_path(path).join("/")));
            }
        }
    }
    let is_below = |path: &str, module: &str| {
        path.strip_prefix(module)
            .is_some_and(|rest| rest.starts_with(['.', '/']))
    };
    let paths = sources.iter().map(|(path, _)| path.clone());
    paths
        .filter(|path| modules.iter().any(|module| is_below(path, module)))
        .collect()
}

/// Source files that no other declares as a module, and that are thus never compiled.
pub(crate) fn undeclared(sources: &[(String, String)]) -> Vec<String> {
    let mut declared = BTreeSet::new();
    for (path, text) in sources {
        let parent = if path == "src/lib.rs" {
            Vec::new()
        } else {
            module_path(path)
        };
        for line in text.lines() {
            if let Some(name) = line
                .strip_suffix(';')
                .and_then(|line| line.split("mod ").nth(1))
            {
                declared.insert([parent.clone(), vec![name]].concat());
            }
        }
    }
    let modules = sources
        .iter()
        .filter(|(path, _)| !["src/lib.rs", "src/main.rs"].contains(&path.as_str()));
    modules
        .filter(|(path, _)| !declared.contains(&module_path(path)))
        .map(|(path, _)| format!("{path}: no file declares it as a module"))
        .collect()
}

/// Links of a page to files that are not there.
pub(crate) fn broken_links(path: &str, text: &str, exists: impl Fn(&Path) -> bool) -> Vec<String> {
    let folder = Path::new(path).parent().unwrap_or(Path::new(""));
    let targets = text
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next());
    let targets = targets.map(|target| target.split('#').next().unwrap_or(target));
    targets
        .filter(|target| {
            !target.is_empty() && !target.contains("://") && !exists(&folder.join(target))
        })
        .map(|target| format!("{path}: the link to {target} leads nowhere"))
        .collect()
}

/// Names of the public fields in a text.
pub(crate) fn public_fields(text: &str) -> Vec<&str> {
    let fields = text
        .lines()
        .filter_map(|line| line.strip_prefix("    pub ")?.split_once(": "));
    fields
        .map(|(name, _)| name)
        .filter(|name| !name.contains(' '))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(files: &[(&str, &str)]) -> Vec<(String, String)> {
        files
            .iter()
            .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
            .collect()
    }

    #[test]
    fn an_import_that_goes_up_is_found() {
        let layers = layers("//! cli → report → explain, fixture → plan → units\n");
        let complaints = |path, text| upward_imports(&layers, path, text).len();
        assert_eq!(
            complaints("src/plan/node.rs", "use crate::units::Count;"),
            0
        );
        assert_eq!(complaints("src/plan/node.rs", "use crate::plan::Plan;"), 0);
        assert_eq!(complaints("src/plan/node.rs", "use crate::cli::Exit;"), 1);
        assert_eq!(
            complaints("src/plan/node.rs", "fn f() { crate::report::render() }"),
            1
        );
        assert_eq!(
            complaints("src/plan/node.rs", "/// See [`crate::report`].\nfn f() {}"),
            0
        );
        assert_eq!(
            complaints("src/explain/mod.rs", "use crate::fixture::rows;"),
            1
        );
        assert_eq!(
            complaints("src/plan/node.rs", "use crate::{units, cli};"),
            1
        );
        assert_eq!(complaints("src/plan/node.rs", "use super::super::cli;"), 1);
        assert_eq!(complaints("src/plan/node.rs", "use super::cli;"), 0);
        assert_eq!(
            complaints("src/report/mod.rs", "use crate::explain::Sampling;"),
            1
        );
    }

    #[test]
    fn a_word_in_the_wrong_place_is_found() {
        let complaints =
            |text| misplaced(&["fs", "println!"], "src/plan/mod.rs", text, "elsewhere").len();
        assert_eq!(complaints("use std::{fs, io};"), 1);
        assert_eq!(
            complaints("use std::fs::File;\nfn f() { println!(\"\") }"),
            2
        );
        assert_eq!(complaints("let offs = rootfs; // fs\neprintln!();"), 0);
        assert_eq!(
            complaints("fn f() {}\n#[cfg(test)]\nmod tests {\n use std::fs;\n}"),
            0
        );
    }

    #[test]
    fn modules_for_tests_and_modules_of_nobody_are_found() {
        let files = owned(&[
            ("src/lib.rs", "pub mod plan;"),
            ("src/plan/mod.rs", "mod node;\n#[cfg(test)]\nmod golden;"),
            ("src/plan/node.rs", ""),
            ("src/plan/golden.rs", "mod more;"),
            ("src/plan/golden/more.rs", ""),
            ("src/plan/forgotten.rs", ""),
        ]);
        assert_eq!(
            test_only(&files),
            ["src/plan/golden.rs", "src/plan/golden/more.rs"]
        );
        assert_eq!(
            undeclared(&files),
            ["src/plan/forgotten.rs: no file declares it as a module"]
        );
    }

    #[test]
    fn links_that_lead_nowhere_are_found() {
        let text = "[a](there.md#part) [b](https://example.org) [c](gone.md) [d](#part)";
        let exists = |path: &Path| path == Path::new("docs/there.md");
        assert_eq!(
            broken_links("docs/page.md", text, exists),
            ["docs/page.md: the link to gone.md leads nowhere"]
        );
    }

    #[test]
    fn fields_are_found() {
        assert_eq!(
            public_fields(
                "pub struct A {\n    pub rows: u64,\n    hidden: u8,\n}\n    pub fn of(rows: u64)"
            ),
            ["rows"]
        );
    }
}
