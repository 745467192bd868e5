//! Thresholds set against results: which metrics there are, what each came to, and whether it held.

use std::sync::OnceLock;

use serde_json::{Map, Value};

use super::throughput::{ThresholdResult, ThroughputResult, WorkerState};
use crate::definition::scenario::Task;
use crate::definition::threshold::{Threshold, ThresholdError};
use crate::definition::{DefinitionError, Operation, Scenario, nearest};

/// Checks that the metric of a threshold is a figure of a result.
///
/// # Errors
/// If there is no such figure: the nearest one, or those that there are in its place.
pub fn check(threshold: &Threshold) -> Result<(), ThresholdError> {
    let metric = &threshold.metric;
    let mut found = known();
    for (depth, key) in metric.iter().enumerate() {
        let Value::Object(keys) = found else {
            return Err(no_part(metric, depth, found));
        };
        found = match keys.get(key) {
            Some(value) => value,
            None if is_free(&metric[..depth], key) => keys.values().next().unwrap_or(&Value::Null),
            None => return Err(unknown(metric, depth, keys)),
        };
    }
    match found {
        Value::Number(_) => Ok(()),
        _ => Err(no_number(metric, found)),
    }
}

/// Checks every threshold of a scenario's file.
///
/// # Errors
/// The first whose metric does not exist, with its place.
pub fn check_scenario(scenario: &Scenario) -> Result<(), DefinitionError> {
    for (index, threshold) in scenario.thresholds.iter().enumerate() {
        check(threshold)
            .map_err(|wrong| scenario.threshold_error(index, &wrong.message, &wrong.help))?;
    }
    Ok(())
}

/// Sets thresholds against a result. One whose figure was not measured does not hold.
#[must_use]
pub fn judge(thresholds: &[Threshold], result: &ThroughputResult) -> Vec<ThresholdResult> {
    // A result is plain data with text keys: it always has a form as JSON.
    let result = serde_json::to_value(result).unwrap_or_default();
    let judged = thresholds.iter().map(|threshold| {
        let figure = figure(&result, &threshold.metric);
        ThresholdResult {
            threshold: threshold.text.clone(),
            figure,
            held: figure.is_some_and(|figure| threshold.operator.holds(figure, threshold.number)),
        }
    });
    judged.collect()
}

/// What a metric came to; none where it was not measured. What is counted by key and did not occur is 0.
fn figure(result: &Value, metric: &[String]) -> Option<f64> {
    let mut found = result;
    for (depth, key) in metric.iter().enumerate() {
        let keys = found.as_object()?;
        match keys.get(key) {
            Some(value) => found = value,
            None => return is_free(&metric[..depth], key).then_some(0.0),
        }
    }
    found.as_f64()
}

/// Whether any key may stand behind this path: what is counted there is named by the server.
fn is_free(path: &[String], key: &str) -> bool {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let is_sqlstate = |key: &str| {
        let mut characters = key.chars();
        key.len() == 5 && characters.all(|one| one.is_ascii_digit() || one.is_ascii_uppercase())
    };
    match path.as_slice() {
        ["errors"] => is_sqlstate(key),
        ["waits", "shares"] | ["waits", "by_state", _] => true,
        _ => false,
    }
}

/// A result with every figure there can be, in every place where it can be.
fn known() -> &'static Value {
    static KNOWN: OnceLock<Value> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let mut specimen = ThroughputResult::specimen();
        if let Some(mut latency) = specimen.latency.values().next().copied() {
            latency.response = latency.service;
            latency.lag = latency.service;
            let operations = Operation::ALL.into_iter();
            specimen.latency = operations
                .map(|operation| (operation.name().to_owned(), latency))
                .collect();
        }
        if let Some(waits) = &mut specimen.waits {
            let states = WorkerState::ALL.into_iter();
            waits.by_state = states
                .map(|state| (state.name().to_owned(), waits.shares.clone()))
                .collect();
        }
        specimen.task.amounts = Task::KINDS.iter().flat_map(Task::amounts).collect();
        serde_json::to_value(&specimen).unwrap_or_default()
    })
}

fn wrong(message: String, help: String) -> ThresholdError {
    ThresholdError { message, help }
}

/// The metric has a key too many.
fn no_part(metric: &[String], depth: usize, found: &Value) -> ThresholdError {
    let path = metric[..depth].join(".");
    match found {
        Value::Array(_) => no_number(&metric[..depth], found),
        _ => wrong(
            format!("there is no metric `{}`", metric.join(".")),
            format!("did you mean `{path}`?"),
        ),
    }
}

/// The metric is there, but no number.
fn no_number(metric: &[String], found: &Value) -> ThresholdError {
    let path = metric.join(".");
    match found {
        Value::Object(keys) => wrong(
            format!("`{path}` is several figures"),
            format!("name one of them: {}", listed(&path, keys)),
        ),
        Value::Array(_) => wrong(
            format!("`{path}` is a list"),
            "a threshold is about one figure of the whole result".to_owned(),
        ),
        _ => wrong(
            format!("`{path}` is not a number"),
            "a threshold compares numbers".to_owned(),
        ),
    }
}

/// No such key.
fn unknown(metric: &[String], depth: usize, siblings: &Map<String, Value>) -> ThresholdError {
    let message = format!("there is no metric `{}`", metric.join("."));
    let within = metric[..depth].join(".");
    let near = nearest(&metric[depth], siblings.keys().map(String::as_str));
    let meant = match near {
        Some(near) => {
            let mut meant = metric.to_vec();
            near.clone_into(&mut meant[depth]);
            Some(meant.join("."))
        }
        // The last keys alone, as in `lost` for `ledger.lost`.
        None => {
            let ending = format!(".{}", metric.join("."));
            let mut paths = numbers("", known()).into_iter();
            paths.find(|path| path.ends_with(&ending))
        }
    };
    let help = match meant {
        Some(meant) => format!("did you mean `{meant}`?"),
        None if metric[..depth] == ["errors".to_owned()] => {
            "errors are counted by SQLSTATE, for example `errors.40001`".to_owned()
        }
        None => format!("there are {}", listed(&within, siblings)),
    };
    wrong(message, help)
}

/// The paths of these keys, as far as something under them is a number.
fn listed(path: &str, keys: &Map<String, Value>) -> String {
    let with_numbers = keys
        .iter()
        .map(|(key, value)| (joined(path, key), value))
        .filter(|(path, value)| !numbers(path, value).is_empty());
    let paths: Vec<String> = with_numbers.map(|(path, _)| format!("`{path}`")).collect();
    paths.join(", ")
}

/// The paths of all numbers in a value that are not in a list.
fn numbers(path: &str, value: &Value) -> Vec<String> {
    match value {
        Value::Number(_) => vec![path.to_owned()],
        Value::Object(keys) => keys
            .iter()
            .flat_map(|(key, value)| numbers(&joined(path, key), value))
            .collect(),
        _ => Vec::new(),
    }
}

fn joined(path: &str, key: &str) -> String {
    match path {
        "" => key.to_owned(),
        _ => format!("{path}.{key}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::Library;

    fn parse(text: &str) -> Threshold {
        Threshold::parse(text).unwrap_or_else(|error| panic!("{error}"))
    }

    #[track_caller]
    fn refused(text: &str, message: &str) {
        assert_eq!(check(&parse(text)).unwrap_err().to_string(), message);
    }

    #[test]
    fn every_figure_of_a_result_is_a_metric() {
        for text in [
            "latency.fetch.service.p95 < 20ms",
            "latency.complete.service_per_job.p999 < 1s",
            "latency.rescue.response.max < 1s",
            "latency.fetch.service.n > 5",
            "ledger.lost == 0",
            "throughput > 1000 jobs/s",
            "steady.throughput > 1000",
            "steady.fetch_p95_ms < 5ms",
            "per_job.pages < 40",
            "per_job.hot_share > 50%",
            "fetches.errored == 0",
            "set_up.queueing.throughput > 100",
            "errors.40001 < 10",
            "errors.08006 == 0",
            "waits.shares.LWLock:BufferContent < 10%",
            "waits.by_state.completing.IO:WALSync < 90%",
            "task.amounts.wait_ms == 10",
            "task_metric.value > 3",
            "generator.cpu_share < 50%",
            "retries == 0",
        ] {
            assert_eq!(check(&parse(text)), Ok(()), "{text}");
        }
    }

    #[test]
    fn every_amount_of_a_task_is_a_metric_where_the_task_has_it() {
        let mut names = Vec::new();
        for task in Task::KINDS {
            let mut result = ThroughputResult::specimen();
            result.task.amounts = task.amounts();
            for (name, amount) in task.amounts() {
                let threshold = parse(&format!("task.amounts.{name} == {amount}"));
                assert_eq!(check(&threshold), Ok(()), "{name}");
                assert!(judge(&[threshold], &result)[0].held, "{name}");
                names.push(name);
            }
        }
        let written = "operations wait_ms bytes read_bytes within_transaction write_bytes steps";
        assert_eq!(names.join(" "), written);
    }

    #[test]
    fn an_unknown_metric_is_answered_with_the_nearest() {
        refused(
            "latency.fetch.servce.p95 < 20ms",
            "there is no metric `latency.fetch.servce.p95`; did you mean `latency.fetch.service.p95`?",
        );
        refused(
            "lost == 0",
            "there is no metric `lost`; did you mean `ledger.lost`?",
        );
        refused(
            "fetches.wrong == 0",
            "there is no metric `fetches.wrong`; there are `fetches.empty`, `fetches.errored`, `fetches.returned`, `fetches.total`",
        );
        refused(
            "errors.deadlock == 0",
            "there is no metric `errors.deadlock`; errors are counted by SQLSTATE, for example `errors.40001`",
        );
        refused(
            "retries.total == 0",
            "there is no metric `retries.total`; did you mean `retries`?",
        );
        refused(
            "fetches == 0",
            "`fetches` is several figures; name one of them: `fetches.empty`, `fetches.errored`, `fetches.returned`, `fetches.total`",
        );
        refused(
            "tenths.0.pages < 3",
            "`tenths` is a list; a threshold is about one figure of the whole result",
        );
        refused(
            "queue == 3",
            "`queue` is not a number; a threshold compares numbers",
        );
    }

    #[test]
    fn what_is_not_there_does_not_hold_and_what_did_not_occur_is_none_of_it() {
        let mut result = ThroughputResult::specimen();
        result.per_job = None;
        result.latency.clear();
        result.ledger.lost = None;
        let judged = |text: &str| {
            let judged = judge(&[parse(text)], &result);
            assert_eq!(judged[0].threshold, text);
            (judged[0].figure, judged[0].held)
        };
        assert_eq!(judged("ledger.lost == 0"), (None, false));
        assert_eq!(judged("per_job.pages < 1000"), (None, false));
        assert_eq!(judged("latency.fetch.service.p95 != 0"), (None, false));
        assert_eq!(judged("errors.57P01 == 0"), (Some(0.0), true));
        assert_eq!(
            judged("waits.shares.IO:DataFileRead < 1%"),
            (Some(0.0), true)
        );
        assert_eq!(judged("errors.40001 == 0"), (Some(2.0), false));
        assert_eq!(judged("throughput >= 7200 jobs/s"), (Some(7200.0), true));
        assert_eq!(judged("startup_ms < 0.1s"), (Some(14.2), true));
        assert_eq!(judged("generator.cpu_share < 20%"), (Some(0.21), false));
        result.waits = None;
        let threshold = [parse("waits.shares.IO:DataFileRead < 1%")];
        assert_eq!(judge(&threshold, &result)[0].figure, None);
    }

    #[test]
    fn the_built_in_scenarios_and_the_template_name_metrics_that_exist() {
        let library = Library::built_in();
        for name in library.scenario_names() {
            check_scenario(&library.scenario(name).unwrap()).unwrap();
        }
        let text = library.scenario_template();
        let source = crate::definition::Source::new("new.toml", text);
        let template = Scenario::parse(source).unwrap();
        assert!(!template.thresholds.is_empty());
        check_scenario(&template).unwrap();
        let text = text.replace("ledger.lost", "ledger.losst");
        let source = crate::definition::Source::new("new.toml", text);
        let error = check_scenario(&Scenario::parse(source).unwrap()).unwrap_err();
        let shown = error.to_string();
        assert!(shown.starts_with("new.toml:2"), "{shown}");
        assert!(shown.ends_with("did you mean `ledger.lost`?"), "{shown}");
    }
}
