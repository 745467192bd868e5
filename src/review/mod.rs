//! Plans wherever somebody has them: files, folders, standard input, server logs.
//!
//! What is named is read into a [`Material`]; [`review`] makes names and literals of it unrecognisable where that is asked for, and
//! judges every plan by itself.

pub mod anonymity;
pub mod document;
pub mod input;
pub mod judging;
pub mod log;
pub mod log_signs;
pub mod notes;
pub mod recorded;
mod telling;
mod walk;

use std::io::stdin;
use std::path::PathBuf;

use rayon::prelude::*;

use self::log::{LogReview, Logs};
use self::recorded::RecordedRun;
use self::telling::told;
use crate::plan::Plan;
use crate::run::event::Events;
use crate::run::review::{FORMAT_VERSION, LoggedStatement, Problem, Review, Source};

/// A plan found in a document, not yet judged.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundPlan {
    /// Where it begins.
    pub source: Source,
    /// The text of its statement, where it is told.
    pub statement: Option<String>,
    /// The plan.
    pub plan: Plan,
}

/// What was read, not yet judged.
#[derive(Clone, Debug, Default)]
pub struct Material {
    /// The plans, in the order they were read.
    pub plans: Vec<FoundPlan>,
    /// The statements of logs. The plans of their shapes are among `plans`.
    pub statements: Vec<LoggedStatement>,
    /// Runs of our own.
    pub runs: Vec<RecordedRun>,
    /// What could not be read, or only in part.
    pub problems: Vec<Problem>,
}

impl Material {
    /// Adds what was read elsewhere, behind what is there.
    pub fn append(&mut self, mut other: Material) {
        let before = self.plans.len();
        let shapes = other
            .statements
            .iter_mut()
            .flat_map(|statement| &mut statement.shapes);
        shapes.for_each(|shape| shape.plan = shape.plan.saturating_add(before));
        self.plans.append(&mut other.plans);
        self.statements.append(&mut other.statements);
        self.runs.append(&mut other.runs);
        self.problems.append(&mut other.problems);
    }
}

/// Judges all that was read. With `anonymous`, names and literals are replaced before that, so that none is in anything that follows.
#[must_use]
pub fn review(mut material: Material, anonymous: bool) -> Review {
    if anonymous {
        // What a run recorded besides its plans is full of names.
        let runs = std::mem::take(&mut material.runs);
        let plans = runs.into_iter().flat_map(RecordedRun::into_plans);
        material.plans.extend(plans);
    }
    let logged = anonymous.then(|| anonymity::replace_names(&mut material));
    // `collect` keeps the order.
    let mut plans: Vec<_> = material.plans.into_par_iter().map(judging::judge).collect();
    for run in &material.runs {
        plans.extend(judging::judge_run(run));
        plans.extend(run.nested.iter().cloned().map(judging::judge));
    }
    let mut statements = material.statements;
    if let Some(mut names) = logged {
        names.replace_shapes(&mut statements, &plans);
    }
    Review {
        format_version: FORMAT_VERSION,
        plans,
        statements,
        problems: material.problems,
    }
}

/// Reads what is named: files, folders, and for `-` standard input. What cannot be read is a problem, and the rest is read all the same.
#[must_use]
pub fn read(paths: &[PathBuf], events: &Events) -> Material {
    let names = paths.iter().map(|path| path.to_string_lossy().into_owned());
    let names: Vec<String> = names.collect();
    let gathered = input::gather(&names, stdin());
    let mut material = Material {
        plans: gathered.plans,
        runs: gathered.runs,
        problems: gathered.problems,
        ..Material::default()
    };
    let mut logs = Logs::default();
    let any_log = !gathered.logs.is_empty();
    for log in gathered.logs {
        logs.read(&log.path, told(events, &log.path, log.content));
    }
    if any_log {
        let LogReview {
            statements,
            plans,
            problems,
        } = logs.finish();
        material.append(Material {
            plans,
            statements,
            problems,
            ..Material::default()
        });
    }
    let is_empty = material.plans.is_empty() && material.runs.is_empty();
    if let Some(first) = gathered.without_plans.first().filter(|_| is_empty) {
        let message = match gathered.without_plans.len() - 1 {
            0 => input::NO_PLAN.to_owned(),
            others => format!("{}; the same of {others} other files", input::NO_PLAN),
        };
        material.problems.push(input::problem(first, message));
    }
    material
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::run::review::LoggedShape;

    fn logged(plan: usize) -> Material {
        let shape = LoggedShape {
            shape: "s".to_owned(),
            digest: String::new(),
            calls: 1,
            total_ms: 1.0,
            max_ms: 1.0,
            total_pages: None,
            max_pages: None,
            first: Source::default(),
            last: Source::default(),
            plan,
        };
        let found = FoundPlan {
            source: Source::default(),
            statement: None,
            plan: Plan::default(),
        };
        Material {
            plans: vec![found; plan + 1],
            statements: vec![LoggedStatement {
                query_id: None,
                statement: "select 1".to_owned(),
                first: Source::default(),
                calls: 1,
                total_ms: 1.0,
                total_pages: None,
                shapes: vec![shape],
                flips: Vec::new(),
                flips_total: 0,
            }],
            ..Material::default()
        }
    }

    #[test]
    fn shapes_keep_their_plans_when_what_was_read_is_put_together() {
        let mut material = logged(1);
        material.append(logged(2));
        let plans: Vec<usize> = material
            .statements
            .iter()
            .map(|statement| statement.shapes[0].plan)
            .collect();
        assert_eq!((material.plans.len(), plans), (5, vec![1, 4]));
    }

    #[test]
    fn what_cannot_be_read_is_a_problem_and_the_rest_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let [good, bad, missing] = ["good", "bad", "missing"].map(|name| folder.path().join(name));
        fs::write(&good, r#"{"Plan":{"Node Type":"Result"}}"#).unwrap();
        fs::write(&bad, "no plan").unwrap();
        let material = read(&[missing, bad, good], &Events::new(|_| ()));
        assert_eq!(material.plans.len(), 1);
        let messages: Vec<&str> = material
            .problems
            .iter()
            .map(|problem| problem.message.as_str())
            .collect();
        assert_eq!(messages.len(), 2);
        assert!(messages[0].starts_with("cannot be read: "), "{messages:?}");
        assert!(messages[1].contains("no plan found"), "{messages:?}");
    }
}
