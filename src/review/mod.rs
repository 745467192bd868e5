//! Plans wherever somebody has them: files, folders, standard input, server logs.
//!
//! What is named is read into a [`Material`]; [`review`] makes names and literals of it unrecognisable where that is asked for, and
//! judges every plan by itself.

pub mod anonymity;
pub mod judging;
pub mod notes;

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::plan::Plan;
use crate::run::event::{Events, RunEvent};
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
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Material {
    /// The plans, in the order they were read.
    pub plans: Vec<FoundPlan>,
    /// The statements of logs. The plans of their shapes are among `plans`.
    pub statements: Vec<LoggedStatement>,
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
        self.problems.append(&mut other.problems);
    }
}

/// Judges all that was read. With `anonymous`, names and literals are replaced before that, so that none is in anything that follows.
#[must_use]
pub fn review(mut material: Material, anonymous: bool) -> Review {
    let logged = anonymous.then(|| anonymity::replace_names(&mut material));
    // `collect` keeps the order.
    let plans: Vec<_> = material.plans.into_par_iter().map(judging::judge).collect();
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

/// Progress is told once in so many files.
const TOLD_EVERY: u64 = 250;

/// Reads what is named: files, and for `-` standard input. What cannot be read is a problem, and the rest is read all the same.
#[must_use]
pub fn read(paths: &[PathBuf], events: &Events) -> Material {
    let mut material = Material::default();
    let total = paths.len() as u64;
    let tell = |done: u64| {
        events.emit(RunEvent::StepProgress {
            step: "reading plans".to_owned(),
            done,
            total,
        });
    };
    for (done, path) in (0..).zip(paths) {
        // A few files take no time worth a word.
        if done > 0 && done % TOLD_EVERY == 0 {
            tell(done);
        }
        material.append(read_file(path));
    }
    tell(total);
    material
}

/// Reads one file of EXPLAIN (FORMAT JSON).
fn read_file(path: &Path) -> Material {
    let source = Source {
        path: path.to_string_lossy().into_owned(),
        line: 1,
    };
    let problem = |message: String| Material {
        problems: vec![Problem {
            source: source.clone(),
            message,
        }],
        ..Material::default()
    };
    let text = match text_of(path) {
        Ok(text) => text,
        Err(error) => {
            return problem(format!(
                "cannot be read: {error}; name a file that exists and may be read"
            ));
        }
    };
    match Plan::parse(&text) {
        Err(error) => problem(error.to_string()),
        Ok(plans) => Material {
            plans: plans
                .into_iter()
                .map(|plan| FoundPlan {
                    source: source.clone(),
                    statement: None,
                    plan,
                })
                .collect(),
            ..Material::default()
        },
    }
}

fn text_of(path: &Path) -> std::io::Result<String> {
    if path != Path::new("-") {
        return fs::read_to_string(path);
    }
    let mut text = String::new();
    std::io::stdin().lock().read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
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
            problems: Vec::new(),
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
        assert!(messages[1].contains("not EXPLAIN"), "{messages:?}");
    }
}
