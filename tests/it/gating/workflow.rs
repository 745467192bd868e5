//! The GitHub Actions workflow of the documentation, docs/gating/github-actions.yml, carried out step by step as a runner would, but for
//! what other people's actions do.
//!
//! Just as much of YAML and of expressions is understood as that file has; anything else is an error, so that nothing is passed over.

use std::fs;

use super::repository::Repository;

/// A step of the workflow.
#[derive(Debug, Default, PartialEq)]
struct Step {
    name: String,
    id: Option<String>,
    condition: Option<String>,
    variables: Vec<(String, String)>,
    /// The action it uses, which is somebody else's.
    uses: Option<String>,
    /// The commands it runs.
    run: Option<String>,
}

/// What became of the workflow.
#[derive(Debug)]
pub(super) struct Carried {
    /// Exit code of the first step that failed, or 0.
    pub(super) code: i32,
    /// The steps whose commands ran, by name.
    pub(super) ran: Vec<String>,
    /// What the summary of the run shows.
    pub(super) summary: String,
    /// What its steps said.
    pub(super) said: String,
}

/// The steps of a workflow's only job.
fn steps(workflow: &str) -> Vec<Step> {
    let (_, after) = workflow.split_once("\n    steps:\n").expect("it has steps");
    let mut steps: Vec<Step> = Vec::new();
    let mut lines = after.lines().peekable();
    while let Some(line) = lines.next() {
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix("      - name: ") {
            let name = name.to_owned();
            steps.push(Step {
                name,
                ..Step::default()
            });
            continue;
        }
        let step = steps.last_mut().expect("a step begins with its name");
        let entry = line.strip_prefix("        ").unwrap_or_default();
        let (key, value) = entry.split_once(':').unwrap_or_default();
        let mut block = Vec::new();
        while let Some(inside) =
            lines.next_if(|next| next.starts_with("          ") || next.is_empty())
        {
            block.push(inside.get(10..).unwrap_or_default());
        }
        match (key, value.trim()) {
            ("id", id) => step.id = Some(id.to_owned()),
            ("if", condition) => step.condition = Some(condition.to_owned()),
            ("uses", action) => step.uses = Some(action.to_owned()),
            ("run", "|") => step.run = Some(block.join("\n")),
            ("env", "") => step.variables = block.iter().map(|line| variable(line)).collect(),
            // What an action is told.
            ("with", "") if step.uses.is_some() => {}
            _ => panic!("not understood: {line:?}"),
        }
    }
    steps
}

fn variable(line: &str) -> (String, String) {
    let (name, value) = line.split_once(": ").expect("NAME: VALUE");
    let value = match value {
        "${{ github.token }}" => "a-token",
        "${{ github.event.pull_request.number }}" => "7",
        other => panic!("not understood: {other}"),
    };
    (name.to_owned(), value.to_owned())
}

/// Whether a step runs. Without a condition it does as long as none before it has failed.
fn runs(condition: Option<&str>, failed: bool) -> bool {
    let Some(condition) = condition else {
        return !failed;
    };
    let inside = condition
        .strip_prefix("${{ ")
        .and_then(|rest| rest.strip_suffix(" }}"));
    inside
        .expect("an expression")
        .split(" && ")
        .all(|term| match term {
            // Nobody cancels it; the gate is reached, as nothing before it fails here; and it is a pull request.
            "!cancelled()"
            | "steps.gate.outcome != 'skipped'"
            | "github.event_name == 'pull_request'" => true,
            other => panic!("not understood: {other}"),
        })
}

/// Carries out the workflow that the repository has.
pub(super) fn carry_out(repository: &Repository) -> Carried {
    let summary = repository.root().join("gate-summary");
    fs::write(&summary, "").expect("writes an empty summary");
    let mut carried = Carried {
        code: 0,
        ran: Vec::new(),
        summary: String::new(),
        said: String::new(),
    };
    for step in steps(&repository.read(".github/workflows/query-gate.yml")) {
        let Some(commands) = &step.run else {
            assert!(step.uses.is_some(), "a step that does nothing: {step:?}");
            continue;
        };
        if !runs(step.condition.as_deref(), carried.code != 0) {
            continue;
        }
        let mut variables: Vec<(&str, &str)> = step
            .variables
            .iter()
            .map(|(name, value)| (&**name, &**value))
            .collect();
        variables.extend([
            ("CI", "true"),
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_REPOSITORY", "somebody/shop"),
            (
                "GITHUB_STEP_SUMMARY",
                summary.to_str().expect("a path in UTF-8"),
            ),
        ]);
        let ran = repository.bash_with(commands, &variables);
        carried.said += &format!("{}{}", ran.stdout, ran.stderr);
        if carried.code == 0 {
            carried.code = ran.code.expect("it ended by itself");
        }
        carried.ran.push(step.name);
    }
    carried.summary = fs::read_to_string(&summary).expect("reads the summary");
    fs::remove_file(summary).expect("removes the summary");
    carried
}

#[test]
fn the_steps_of_a_workflow_are_read_with_all_they_have() {
    let text = "jobs:
  gate:
    steps:
      # A remark.
      - name: One
        uses: somebody/something@v1
        with:
          key: value

      - name: Two
        id: gate
        if: ${{ !cancelled() }}
        env:
          GH_TOKEN: ${{ github.token }}
        run: |
          first
            second

          third
";
    let steps = steps(text);
    let one = Step {
        name: "One".to_owned(),
        uses: Some("somebody/something@v1".to_owned()),
        ..Step::default()
    };
    let two = Step {
        name: "Two".to_owned(),
        id: Some("gate".to_owned()),
        condition: Some("${{ !cancelled() }}".to_owned()),
        variables: vec![("GH_TOKEN".to_owned(), "a-token".to_owned())],
        run: Some("first\n  second\n\nthird".to_owned()),
        uses: None,
    };
    assert_eq!(steps, [one, two]);
}

#[test]
fn a_step_runs_after_a_failure_only_where_it_says_so() {
    assert!(runs(None, false));
    assert!(!runs(None, true));
    assert!(runs(
        Some("${{ !cancelled() && steps.gate.outcome != 'skipped' }}"),
        true
    ));
}
