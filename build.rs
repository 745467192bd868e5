//! Embeds the built-in queues and fixtures and the templates for new ones: lists their folders and writes one `include_str!` a file.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    // The package's own folder: Cargo runs build scripts there.
    let mut code = String::from("const QUEUES: &[(&str, Files)] = &[\n");
    for folder in entries("queries")?
        .into_iter()
        .filter(|entry| entry.is_dir())
    {
        code += &format!("({:?}, {}),\n", name(&folder), queue_files(&folder)?);
    }
    code += "];\n";
    for (list, folder) in [("FIXTURES", "fixtures"), ("SCENARIOS", "scenarios")] {
        code += &format!("const {list}: Files = &[\n");
        let mut files = entries(folder)?;
        files.retain(|file| has_extension(file, "toml"));
        // By name: `.` would come behind `-`.
        files.sort_by_key(|file| file.with_extension(""));
        for file in files {
            code += &embed(name(&file).trim_end_matches(".toml"), &file);
        }
        code += "];\n";
    }
    let template = queue_files(Path::new("templates/queue"))?;
    code += &format!("const QUEUE_TEMPLATE: Files = {template};\n");
    let template = include(Path::new("templates/fixture.toml"));
    code += &format!("const FIXTURE_TEMPLATE: &str = {template};\n");
    let template = include(Path::new("templates/scenario.toml"));
    code += &format!("const SCENARIO_TEMPLATE: &str = {template};\n");
    let out = env::var_os("OUT_DIR")
        .map(PathBuf::from)
        .ok_or_else(|| io::Error::other("OUT_DIR is not set: run this through Cargo"))?;
    println!("cargo:rerun-if-changed=build.rs");
    fs::write(out.join("built_in.rs"), code)
}

/// What is in a folder, sorted, without hidden files; nothing if there is no such folder. Cargo looks at the folder next time.
fn entries(folder: impl AsRef<Path>) -> io::Result<Vec<PathBuf>> {
    let folder = folder.as_ref();
    println!("cargo:rerun-if-changed={}", folder.display());
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut entries = fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<io::Result<Vec<_>>>()?;
    entries.retain(|entry| !name(entry).starts_with('.'));
    entries.sort();
    Ok(entries)
}

fn name(path: &Path) -> &str {
    path.file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default()
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.is_file() && path.extension().is_some_and(|found| found == extension)
}

/// The list of a queue's files.
fn queue_files(folder: &Path) -> io::Result<String> {
    let files = entries(folder)?
        .into_iter()
        .filter(|file| file.ends_with("queue.toml") || has_extension(file, "sql"));
    let list: String = files.map(|file| embed(name(&file), &file)).collect();
    Ok(format!("&[\n{list}]"))
}

/// One entry of a list of files.
fn embed(name: &str, file: &Path) -> String {
    format!("({name:?}, {}),\n", include(file))
}

/// A file's content. The path in it holds wherever the package is unpacked.
fn include(file: &Path) -> String {
    println!("cargo:rerun-if-changed={}", file.display());
    let path = format!("/{}", file.display());
    format!("include_str!(concat!(env!(\"CARGO_MANIFEST_DIR\"), {path:?}))")
}
