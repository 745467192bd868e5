//! The plans of a run of our own: its folder tells everything a rule may look at.

use std::path::{Component, Path};

use super::{FoundPlan, input};
use crate::finding::case::{Case, Catalog, PlanView};
use crate::plan::{Plan, PlanMode, PlanWork, work};
use crate::run::review::{Problem, Source};
use crate::run::{PlanResult, Run};

/// A run with the plans it kept.
#[derive(Clone, Debug)]
pub struct RecordedRun {
    /// What it recorded.
    pub run: Run,
    /// The plans of its results, in their order; those that are lost are among the problems.
    pub plans: Vec<RecordedPlan>,
    /// Plans of statements inside functions and triggers.
    pub nested: Vec<FoundPlan>,
    /// What could not be read.
    pub problems: Vec<Problem>,
    /// For relations that the run did not record.
    nothing_known: Catalog,
}

/// A plan that a run kept.
#[derive(Clone, Debug)]
pub struct RecordedPlan {
    /// The result it belongs to: an index into `run.results`.
    pub result: usize,
    /// The plan, with the statement the run recorded.
    pub found: FoundPlan,
    /// What its nodes did by themselves.
    pub work: PlanWork,
}

impl RecordedPlan {
    fn view(&self) -> PlanView<'_> {
        PlanView {
            plan: &self.found.plan,
            work: &self.work,
            rows: self.found.plan.rows(),
        }
    }
}

impl RecordedRun {
    /// Reads the plans that a run kept in its folder.
    #[must_use]
    pub fn read(run: Run, folder: &Path) -> RecordedRun {
        let mut problems = Vec::new();
        let mut plans = Vec::new();
        let mut nested = Vec::new();
        for (index, result) in run.results.iter().enumerate() {
            let text = statement_text(&run, result);
            match read_dump(folder, &result.dump, text) {
                Ok(found) => plans.push(RecordedPlan {
                    result: index,
                    work: work(&found.plan),
                    found,
                }),
                Err(problem) => problems.push(problem),
            }
            for inner in result.nested.iter().flatten() {
                match read_dump(folder, &inner.dump, Some(inner.statement.as_str())) {
                    Ok(found) => nested.push(found),
                    Err(problem) => problems.push(problem),
                }
            }
        }
        RecordedRun {
            run,
            plans,
            nested,
            problems,
            nothing_known: Catalog::default(),
        }
    }

    /// What a rule may look at, of the plan with this index into [`RecordedRun::plans`]: the case the run itself judged, but for the
    /// batch size and the plan mode that the queue's clients force, which a run does not record.
    #[must_use]
    pub fn case(&self, index: usize) -> Option<Case<'_>> {
        let plan = self.plans.get(index)?;
        let result = self.run.results.get(plan.result)?;
        let in_mode = |mode| {
            let of_mode = |other: &&RecordedPlan| {
                self.run
                    .results
                    .get(other.result)
                    .is_some_and(|other| other.plan_mode == mode && names(other) == names(result))
            };
            self.plans.iter().find(of_mode).map(RecordedPlan::view)
        };
        Some(Case {
            queue: &result.queue,
            fixture: &result.fixture,
            operation: &result.operation,
            variant: &result.variant,
            statement: &result.statement,
            statement_text: statement_text(&self.run, result).unwrap_or_default(),
            batch_size: None,
            mode: result.plan_mode,
            custom: in_mode(PlanMode::Custom),
            generic: in_mode(PlanMode::Generic),
            auto_plan: result.auto_plan,
            forced_plan_mode: None,
            catalog: self.catalog(result).unwrap_or(&self.nothing_known),
        })
    }

    fn catalog(&self, result: &PlanResult) -> Option<&Catalog> {
        let server = self.run.environment.server(&result.postgres)?;
        server.catalogs.get(&result.fixture)?.get(&result.queue)
    }
}

/// What two results have in common that differ in the plan mode only.
fn names(result: &PlanResult) -> [&str; 6] {
    [
        &result.postgres,
        &result.queue,
        &result.fixture,
        &result.operation,
        &result.variant,
        &result.statement,
    ]
}

fn statement_text<'r>(run: &'r Run, result: &PlanResult) -> Option<&'r str> {
    let statements = run.environment.statements.get(&result.queue)?;
    statements.get(&result.statement).map(String::as_str)
}

/// The plan in a file of the run folder.
fn read_dump(folder: &Path, dump: &str, statement: Option<&str>) -> Result<FoundPlan, Problem> {
    let path = folder.join(dump);
    let source = Source {
        path: path.display().to_string(),
        line: 1,
    };
    let problem = |message| Problem {
        source: source.clone(),
        message,
    };
    let mut parts = Path::new(dump).components();
    // What a run.json from elsewhere names must not lead out of its folder.
    if !parts.all(|part| matches!(part, Component::Normal(_))) {
        return Err(problem(format!(
            "the run names \"{dump}\" as a plan, which is not in its folder: measure again"
        )));
    }
    let text = input::read_text(&path).map_err(&problem)?;
    let plans = Plan::parse(&text).map_err(|error| problem(error.to_string()))?;
    let plan = plans.into_iter().next();
    let plan = plan.ok_or_else(|| problem("the file has no plan: measure again".to_owned()))?;
    let statement = statement.filter(|text| !text.is_empty()).map(str::to_owned);
    Ok(FoundPlan {
        statement: statement.or_else(|| plan.query_text.clone()),
        source,
        plan,
    })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::run::store;

    /// The run that is kept as an example.
    fn sample() -> PathBuf {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("to-analyse/sample");
        let entries = std::fs::read_dir(folder).unwrap();
        let mut runs = entries.map(|entry| entry.unwrap().path());
        runs.find(|path| path.join(store::RUN_FILE).is_file())
            .unwrap()
    }

    #[test]
    fn a_run_gives_its_cases_whole() {
        let folder = sample();
        let run = RecordedRun::read(store::read(&folder).unwrap(), &folder);
        assert_eq!(run.problems, []);
        assert_eq!(run.plans.len(), run.run.results.len());
        for (index, plan) in run.plans.iter().enumerate() {
            let result = &run.run.results[plan.result];
            let case = run.case(index).unwrap();
            assert_eq!(case.judged().unwrap().plan, &plan.found.plan);
            assert_eq!(
                (case.queue, case.variant),
                (result.queue.as_str(), result.variant.as_str())
            );
            assert_eq!(
                crate::plan::PlanShape::of(&plan.found.plan).id(),
                result.shape
            );
            assert!(!case.statement_text.is_empty() && !case.catalog.relations.is_empty());
        }
        assert!(run.case(run.plans.len()).is_none());
    }

    #[test]
    fn lost_plans_and_paths_that_lead_out_are_problems() {
        let folder = sample();
        let mut run = store::read(&folder).unwrap();
        run.results.truncate(2);
        run.results[0].dump = "../../README.md".to_owned();
        run.results[1].dump = "plans/lost.json".to_owned();
        let read = RecordedRun::read(run, &folder);
        let messages: Vec<&str> = read
            .problems
            .iter()
            .map(|problem| problem.message.as_str())
            .collect();
        assert!(messages[0].contains("not in its folder"), "{messages:?}");
        assert!(messages[1].contains("cannot be read"), "{messages:?}");
        assert!(read.plans.is_empty());
    }
}
