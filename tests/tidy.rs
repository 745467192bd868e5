//! Keeps the house in order: layers, names, lists, and pages that say what the code says.
//!
//! Every check is a function of texts that returns what is wrong; `tidy/checks.rs` has them, tried on small texts.

#[path = "tidy/checks.rs"]
mod checks;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use checks::{
    before_tests, broken_links, code, has_word, layers, misplaced, module_path, public_fields,
    test_only, undeclared, upward_imports,
};
use pgq_analyze::finding::rules::RULES;
use pgq_analyze::report::{ComparisonFormat, Format};

/// The layers that compute and nothing else.
const PURE: &[&str] = &[
    "units",
    "sql",
    "plan",
    "stats",
    "definition",
    "finding",
    "run",
    "report",
];

/// Parts of pure layers whose business files are.
const READS_FILES: &[&str] = &["src/definition/library", "src/run/store"];

/// What a pure layer has no use for.
const IMPURE: &[&str] = &[
    "tokio",
    "tokio_postgres",
    "deadpool_postgres",
    "fs",
    "std::net",
    "std::env",
    "std::process",
    "Instant::now",
    "SystemTime::now",
    "Timestamp::now",
    "Zoned::now",
];

/// What only `cli` does: print, and know the command line.
const FOR_CLI: &[&str] = &[
    "print!",
    "println!",
    "eprint!",
    "eprintln!",
    "dbg!",
    "clap",
    "indicatif",
];

/// What only `definition` knows: where the data is.
const DATA_FOLDERS: &[&str] = &["queries/", "fixtures/", "scenarios/", "queue.toml"];

/// Names that say nothing about what is in a file.
const EMPTY_NAMES: &[&str] = &[
    "util", "utils", "helper", "helpers", "common", "misc", "shared",
];

const LONGEST_FILE_LINES: usize = 600;
const LARGEST_FILE_BYTES: u64 = 1 << 20;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every file below a folder, by its path from the root with `/` between its parts.
fn files_below(folder: &str) -> Vec<String> {
    let mut files = Vec::new();
    for entry in
        fs::read_dir(root().join(folder)).unwrap_or_else(|error| panic!("{folder}: {error}"))
    {
        let entry = entry.unwrap();
        let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
        if entry.file_type().unwrap().is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// Path and text of the files with this extension.
fn texts(folders: &[&str], extension: &str) -> Vec<(String, String)> {
    let paths = folders.iter().flat_map(|folder| files_below(folder));
    paths
        .filter(|path| {
            Path::new(path)
                .extension()
                .is_some_and(|found| found == extension)
        })
        .map(|path| (path.clone(), read(&path)))
        .collect()
}

fn sources() -> Vec<(String, String)> {
    texts(&["src"], "rs")
}

/// The files Git knows or would take; none where this is no checkout.
fn files_in_git() -> Vec<String> {
    let output = Command::new("git")
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(root())
        .output();
    let listed = output.map_or(Vec::new(), |output| output.stdout);
    let names = String::from_utf8_lossy(&listed).into_owned();
    names
        .split('\0')
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

#[track_caller]
fn nothing_wrong(complaints: impl IntoIterator<Item = String>) {
    let complaints: Vec<String> = complaints.into_iter().collect();
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn imports_go_down_the_layers() {
    let layers = layers(&read("src/lib.rs"));
    nothing_wrong(
        sources()
            .iter()
            .flat_map(|(path, text)| upward_imports(&layers, path, text)),
    );
}

#[test]
fn every_module_has_its_layer_and_its_place_on_the_map() {
    let lib = read("src/lib.rs");
    let layers: BTreeSet<String> = layers(&lib).concat().into_iter().collect();
    let modules = lib
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    let modules: BTreeSet<String> = modules.map(str::to_owned).collect();
    assert_eq!(layers, modules, "the layers in src/lib.rs name its modules");
    let map = read("docs/ARCHITECTURE.md");
    let missing = modules
        .iter()
        .filter(|module| !map.contains(&format!("`{module}`")));
    nothing_wrong(missing.map(|module| format!("docs/ARCHITECTURE.md does not name `{module}`")));
}

#[test]
fn pure_layers_know_no_server_no_clock_and_no_file() {
    let sources = sources();
    let tests = test_only(&sources);
    let pure = sources.iter().filter(|(path, _)| {
        PURE.contains(&module_path(path)[0])
            && !tests.contains(path)
            && !READS_FILES.iter().any(|part| path.starts_with(part))
    });
    nothing_wrong(pure.flat_map(|(path, text)| misplaced(IMPURE, path, text, "in no pure layer")));
}

#[test]
fn only_cli_prints_and_only_definition_knows_the_data_folders() {
    let sources = sources();
    let tests = test_only(&sources);
    let mut complaints = Vec::new();
    for (path, text) in sources.iter().filter(|(path, _)| !tests.contains(path)) {
        if !path.starts_with("src/cli/") {
            complaints.extend(misplaced(FOR_CLI, path, text, "in cli"));
        }
        if !path.starts_with("src/definition/") {
            let text = code(before_tests(text));
            let known = DATA_FOLDERS
                .iter()
                .filter(|folder| text.contains(&format!("\"{folder}")));
            complaints
                .extend(known.map(|folder| format!("{path}: only definition knows {folder}")));
        }
    }
    nothing_wrong(complaints);
}

#[test]
fn every_source_file_says_what_it_is_and_stays_small() {
    let mut complaints = Vec::new();
    for (path, text) in texts(&["src", "tests", "benches"], "rs") {
        if !text.starts_with("//! ") {
            complaints.push(format!(
                "{path}: the first line is no `//!` that says what the file is"
            ));
        }
        let lines = text.lines().count();
        if path.starts_with("src/") && lines > LONGEST_FILE_LINES {
            complaints.push(format!(
                "{path}: {lines} lines, at most {LONGEST_FILE_LINES}: split it by subject"
            ));
        }
    }
    nothing_wrong(complaints);
}

#[test]
fn every_rule_format_and_command_is_in_its_list() {
    let sources = sources();
    let tests = test_only(&sources);
    let mut complaints = undeclared(&sources);
    for (path, text) in sources.iter().filter(|(path, _)| !tests.contains(path)) {
        let name = *module_path(path).last().unwrap();
        let in_folder = |folder| path.starts_with(folder) && !path.ends_with("/mod.rs");
        if in_folder("src/finding/rules/")
            && !read("src/finding/rules/mod.rs").contains(&format!(" {name}::RULE,"))
        {
            complaints.push(format!("{path}: the rule is not in RULES"));
        }
        let is_format =
            in_folder("src/report/") && text.contains("\npub(super) fn render(run: &Run");
        if is_format && !Format::ALL.iter().any(|format| format.name() == name) {
            complaints.push(format!("{path}: the format is not in Format::ALL"));
        }
        let compares = in_folder("src/report/comparison/")
            && text.contains("\npub(super) fn render(comparison: &Comparison");
        if compares
            && !ComparisonFormat::ALL
                .iter()
                .any(|format| format.name() == name)
        {
            complaints.push(format!(
                "{path}: the format is not in ComparisonFormat::ALL"
            ));
        }
        let is_command = in_folder("src/cli/commands/") && text.contains(" fn run(");
        if is_command && !read("src/cli/mod.rs").contains(&format!("commands::{name}::")) {
            complaints.push(format!("{path}: cli/mod.rs does not call the command"));
        }
    }
    nothing_wrong(complaints);
}

#[test]
fn files_are_named_after_what_is_in_them_and_hold_nothing_unfinished() {
    // Written in two parts, so that this file does not hold them.
    let unfinished = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("todo", "!("),
        concat!("unimplemented", "!("),
        concat!("#[", "ignore"),
    ];
    let mut complaints = Vec::new();
    for path in files_in_git() {
        let on_disk = root().join(&path);
        let stem = Path::new(&path)
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy();
        if EMPTY_NAMES.contains(&stem.as_ref()) {
            complaints.push(format!("{path}: the name says nothing about what is in it"));
        }
        // A file that was removed but not yet from Git's list has no size and no text.
        let bytes = fs::metadata(&on_disk).map_or(0, |about| about.len());
        if bytes > LARGEST_FILE_BYTES {
            complaints.push(format!("{path}: {bytes} bytes are too many for Git"));
        }
        let text = fs::read_to_string(&on_disk).unwrap_or_default();
        complaints.extend(
            unfinished
                .iter()
                .filter(|word| text.contains(**word))
                .map(|word| format!("{path}: {word}")),
        );
    }
    nothing_wrong(complaints);
}

/// `UPDATE_DOCS=1 cargo test --test tidy` writes the pages anew.
#[test]
fn the_rules_pages_are_what_the_rules_say() {
    let title = "<!-- Written from the rule's own documentation: UPDATE_DOCS=1 cargo test --test tidy -->\n";
    let mut wanted: BTreeMap<String, String> = BTreeMap::new();
    let mut index = format!(
        "{title}\n# Rules\n\nWhat is looked for in every plan; `pgq-analyze rules show RULE` prints the same page.\n\n| rule | finds | at worst |\n|---|---|---|\n"
    );
    for rule in RULES {
        let severity = format!("{:?}", rule.severity).to_lowercase();
        index += &format!(
            "| [{0}]({0}.md) | {1} | {severity} |\n",
            rule.id, rule.summary
        );
        // The page's own headings go below its title.
        let page = rule.documentation().replace("\n# ", "\n## ");
        wanted.insert(
            format!("docs/rules/{}.md", rule.id),
            format!("{title}\n# {}\n\n{}\n", rule.id, page.trim_end()),
        );
    }
    wanted.insert("docs/rules/README.md".to_owned(), index);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::create_dir_all(root().join("docs/rules")).unwrap();
        files_below("docs/rules")
            .iter()
            .filter(|path| !wanted.contains_key(*path))
            .for_each(|path| fs::remove_file(root().join(path)).unwrap());
        wanted
            .iter()
            .for_each(|(path, text)| fs::write(root().join(path), text).unwrap());
    }
    let found = texts(&["docs/rules"], "md").into_iter().collect();
    assert!(
        wanted == found,
        "docs/rules is not in step: run UPDATE_DOCS=1 cargo test --test tidy"
    );
}

#[test]
fn the_page_of_the_run_format_names_every_key_and_column() {
    let page = read("docs/run-format.md");
    let mut complaints = Vec::new();
    for path in [
        "src/run/mod.rs",
        "src/run/environment.rs",
        "src/run/nested.rs",
        "src/run/plan_result.rs",
        "src/run/throughput.rs",
        "src/run/throughput/scaling.rs",
        "src/finding/mod.rs",
    ] {
        let text = read(path);
        let missing = public_fields(&text)
            .into_iter()
            .filter(|field| !has_word(&page, field));
        complaints.extend(
            missing.map(|field| format!("docs/run-format.md does not name {field} of {path}")),
        );
    }
    let columns = read("src/report/csv.rs");
    let columns = columns
        .lines()
        .filter_map(|line| line.trim().strip_prefix("(\"")?.split_once("\", |"));
    complaints.extend(
        columns
            .filter(|(name, _)| !page.contains(&format!("`{name}`")))
            .map(|(name, _)| format!("docs/run-format.md does not name column {name}")),
    );
    nothing_wrong(complaints);
}

#[test]
fn the_page_about_comparing_names_every_key() {
    let page = read("docs/comparing.md");
    let mut complaints = Vec::new();
    for path in [
        "src/run/baseline.rs",
        "src/run/comparison/mod.rs",
        "src/run/comparison/drains/mod.rs",
        "src/run/comparison/drains/tolerance.rs",
        "src/run/comparison/gate.rs",
        "src/run/comparison/unlike.rs",
        "src/plan/difference.rs",
        "src/plan/outline.rs",
    ] {
        let text = read(path);
        // What follows is how to compare, not what came of it.
        let data = text.split("\npub struct Options").next().unwrap_or(&text);
        let missing = public_fields(data)
            .into_iter()
            .filter(|field| !has_word(&page, field));
        complaints.extend(
            missing.map(|field| format!("docs/comparing.md does not name {field} of {path}")),
        );
    }
    nothing_wrong(complaints);
}

#[test]
fn the_page_about_reviewing_names_every_key() {
    let page = read("docs/reviewing.md");
    let text = read("src/run/review.rs");
    let fields = public_fields(&text).into_iter();
    let missing = fields.filter(|field| !has_word(&page, field));
    nothing_wrong(missing.map(|field| format!("docs/reviewing.md does not name {field}")));
}

#[test]
fn links_between_the_pages_lead_somewhere() {
    let mut pages = texts(&["docs", "to-analyse"], "md");
    pages.extend(
        ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(|path| (path.to_owned(), read(path))),
    );
    nothing_wrong(
        pages.iter().flat_map(|(path, text)| {
            broken_links(path, text, |target| root().join(target).exists())
        }),
    );
}
