//! Starting from nothing: `init` writes what runs at once, `completions` what a shell takes.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use pgq_analyze::definition::{Library, Operation};
use pgq_analyze::finding::Severity;
use pgq_analyze::run::Run;

use crate::place::Place;
use crate::program::{BINARY, ONE_SAMPLE, Ran, bare_command, finish, run, take_run};

/// Runs the program in the place's folder, without a cache directory.
fn plain(place: &Place, arguments: &[&str]) -> Ran {
    finish(bare_command(BINARY, place, arguments))
}

/// The command that `init` names as the next, as a shell reads it, with more arguments behind.
fn run_next(place: &Place, told: &str, more: &[&str]) -> Ran {
    let next = told.lines().find_map(|line| line.strip_prefix("next: "));
    let next = next.unwrap_or_else(|| panic!("no next command in {told}"));
    let (program, rest) = next.split_once(' ').expect("a command has arguments");
    assert_eq!(program, "pgq-analyze");
    let (cache, out) = (place.cache(), place.out());
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("exec \"$0\" {rest} \"$@\""), BINARY])
        .args(more)
        .arg("--cache-dir")
        .arg(cache)
        .arg("--out")
        .arg(out)
        .current_dir(place.path());
    finish(command)
}

fn entries(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("reads the folder").file_name())
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[track_caller]
fn assert_sound(run: &Run) {
    assert!(run.failures.is_empty(), "{:?}", run.failures);
    let findings = run.results.iter().flat_map(|result| &result.findings);
    let worse: Vec<_> = findings
        .filter(|finding| finding.severity > Severity::Note)
        .collect();
    assert!(worse.is_empty(), "{worse:#?}");
}

#[test]
fn a_new_queue_runs_at_once_with_every_statement() {
    let place = Place::with_warm_cache();
    let told = plain(&place, &["init", "it's/my-queue"])
        .expect_code(0)
        .stdout;
    let folder = place.path().join("it's/my-queue");
    for name in entries(&folder) {
        assert!(told.contains(&name), "{name} is not named in {told}");
    }
    run_next(&place, &told, &ONE_SAMPLE).expect_code(0);
    let first = take_run(&place);
    assert_sound(&first);
    let default = ["heavy-single-queue", "many-queues-sparse", "with-steps"];
    for fixture in default {
        let measured = |result: &&_| {
            let result: &pgq_analyze::run::PlanResult = result;
            result.fixture == fixture && result.rows > 0
        };
        assert!(first.results.iter().any(|one| measured(&one)), "{fixture}");
    }
    // What is wrong on a hostile fixture is no fault of the files.
    let mut every = vec!["--all", "--fixture", "deep-history"];
    every.extend(default.iter().flat_map(|name| ["--fixture", name]));
    run_next(&place, &told, &[&ONE_SAMPLE[..], &every].concat()).expect_code(0);
    let all = take_run(&place);
    assert_sound(&all);
    let queue = Library::built_in().queue(&format!("{}/", folder.display()));
    for file in &queue.expect("reads").statements {
        for variant in &file.variants {
            let fits = |result: &&pgq_analyze::run::PlanResult| {
                (&*result.statement, &*result.variant) == (&*file.name, &*variant.name)
            };
            let count = all.results.iter().filter(fits).count();
            // A deep history is about some of them only.
            assert!(count >= 3, "{} {}: {count}", file.name, variant.name);
        }
    }
    let operations: Vec<&str> = Operation::ALL
        .iter()
        .map(|operation| operation.name())
        .filter(|name| all.results.iter().any(|one| one.operation == *name))
        .collect();
    assert_eq!(
        operations.len(),
        9,
        "all but those of steps: {operations:?}"
    );
}

#[test]
fn built_in_definitions_are_written_out_as_they_are() {
    let place = Place::new();
    for name in Library::built_in().queue_names() {
        plain(&place, &["init", name, "--from", name]).expect_code(0);
        let written = Library::built_in().queue(&place.path().join(name).display().to_string());
        let built_in = Library::built_in().queue(name).expect("reads");
        assert_eq!(written.expect("reads").digest(), built_in.digest());
    }
    for name in Library::built_in().fixture_names() {
        let told = plain(&place, &["init", "--fixture", name, "--from", name]).expect_code(0);
        assert_eq!(
            told.stdout,
            format!(
                "wrote ./{name}.toml\n\nnext: pgq-analyze compare-plans --fixture ./{name}.toml --quick\n"
            )
        );
        let text = fs::read_to_string(place.path().join(format!("{name}.toml")));
        let built_in = Library::built_in().fixture(name).expect("reads");
        assert_eq!(text.expect("reads"), built_in.source.text);
    }
    for name in Library::built_in().scenario_names() {
        // A fixture may have the same name, and nothing is overwritten.
        let own = format!("my-{name}");
        let told = plain(&place, &["init", "--scenario", &own, "--from", name]).expect_code(0);
        assert_eq!(
            told.stdout,
            format!("wrote ./{own}.toml\n\nnext: pgq-analyze throughput ./{own}.toml\n")
        );
        let text = fs::read_to_string(place.path().join(format!("{own}.toml")));
        let built_in = Library::built_in().scenario(name).expect("reads");
        assert_eq!(text.expect("reads"), built_in.source.text);
    }
    plain(&place, &["init", "--scenario", "mine"]).expect_code(0);
    let mine = Library::built_in().scenario(&place.path().join("mine.toml").display().to_string());
    assert_eq!(mine.expect("reads").name, "mine");
    assert!(!place.cache().exists(), "no server was needed");
}

#[test]
fn a_new_fixture_builds() {
    let place = Place::with_warm_cache();
    plain(&place, &["init", "--fixture", "future.toml"]).expect_code(0);
    assert_eq!(entries(place.path()), ["future.toml"]);
    let build = ["fixtures", "build", "./future.toml", "--rows", "1000"];
    run(&place, build)
        .expect_code(0)
        .expect_said(&["built future for status-partial: 1,000 jobs"]);
    // The file may be gone; what was built of it has its name.
    fs::remove_file(place.path().join("future.toml")).expect("removes the file");
    let ran = run(&place, ["fixtures", "drop", "./future.toml"]).expect_code(0);
    let dropped = "dropped future for status-partial: 1,000 jobs, ";
    assert!(ran.stdout.contains(dropped), "{}", ran.stdout);
}

#[test]
fn nothing_is_overwritten() {
    let place = Place::new();
    place.write("mine/fetch.sql", "mine");
    plain(&place, &["init", "mine"])
        .expect_code(1)
        .expect_said(&[
            "error: ./mine is there and holds `fetch.sql`",
            "give another name",
        ]);
    place.write("mine.toml", "mine");
    plain(&place, &["init", "--fixture", "mine"])
        .expect_code(1)
        .expect_said(&["error: ./mine.toml is there already"]);
    plain(&place, &["init", "mine.toml/queue"])
        .expect_code(1)
        .expect_said(&["error: cannot write mine.toml/queue: ", "Not a directory"]);
    assert_eq!(entries(place.path()), ["mine", "mine.toml"]);
    assert_eq!(entries(&place.path().join("mine")), ["fetch.sql"]);
}

#[test]
fn names_that_cannot_be_had_are_usage() {
    let place = Place::new();
    for (arguments, said) in [
        (&["init", "my queue"][..], "`my queue` cannot name a queue"),
        (&["init", "./"], "`./` cannot name a queue"),
        (
            &["init", "mine", "--from", "status-partail"],
            "did you mean `status-partial`?",
        ),
        (
            &["init", "mine", "--from", "./status-partial"],
            "`pgq-analyze queues list`",
        ),
        (
            &["init", "mine", "--fixture", "--from", "with-step"],
            "did you mean `with-steps`?",
        ),
        (&["init"], "<NAME>"),
        (
            &["completions", "csh"],
            "[possible values: bash, elvish, fish, powershell, zsh]",
        ),
    ] {
        plain(&place, arguments)
            .expect_code(2)
            .expect_said(&["error: ", said]);
    }
    assert_eq!(entries(place.path()), [""; 0]);
}

/// What bash offers for the last of these words, with the script as a user has it.
fn offered_in_bash(place: &Place, words: &[&str]) -> Vec<String> {
    let script = r#"source <("$0" completions bash) || exit 9
        [[ $(complete -p pgq-analyze) =~ "-o default "(.*" ")?"-F "([^ ]+) ]] || exit 8
        COMP_WORDS=(pgq-analyze "$@") COMP_CWORD=$#
        "${BASH_REMATCH[2]}" pgq-analyze "${COMP_WORDS[$COMP_CWORD]}" "${COMP_WORDS[$COMP_CWORD-1]}"
        printf '%s\n' "${COMPREPLY[@]}""#;
    let mut command = Command::new("bash");
    command
        .args(["--norc", "-c", script, BINARY])
        .args(words)
        .current_dir(place.path());
    let ran = finish(command).expect_code(0);
    assert_eq!(ran.stderr, "");
    ran.stdout.lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_options_and_names() {
    let place = Place::new();
    let offered = |words: &[&str]| offered_in_bash(&place, words);
    assert_eq!(offered(&["compare-pl"]), ["compare-plans"]);
    assert_eq!(
        offered(&["compare-plans", "--qu"]),
        ["--queue", "--quick", "--quiet"]
    );
    let queues = offered(&["compare-plans", "--queue", ""]);
    assert_eq!(queues, Library::built_in().queue_names());
    let fixtures = offered(&["fixtures", "build", "with"]);
    assert_eq!(fixtures, ["with-steps"]);
    assert_eq!(
        offered(&["compare-plans", "--operation", "step-s"]),
        ["step-save"]
    );
    // A path is for bash itself: nothing of ours fits it, and then `-o default` offers files.
    assert_eq!(offered(&["compare-plans", "--queue", "./"]), [""]);
}

#[test]
fn every_shell_has_its_script() {
    let place = Place::new();
    for (shell, line) in [
        ("zsh", "#compdef pgq-analyze\n"),
        ("fish", "complete -c pgq-analyze "),
        (
            "elvish",
            "set edit:completion:arg-completer[pgq-analyze] = ",
        ),
        (
            "powershell",
            "Register-ArgumentCompleter -Native -CommandName 'pgq-analyze'",
        ),
    ] {
        let ran = plain(&place, &["completions", shell]).expect_code(0);
        assert_eq!(ran.stderr, "");
        assert!(ran.stdout.contains(line), "{shell}: {}", ran.stdout);
    }
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let place = Place::new();
    let mut child = bare_command(BINARY, &place, ["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts the program");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("ends");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}
