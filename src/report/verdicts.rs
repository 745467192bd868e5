//! A line for each queue: whether what a fetch reads depends on what it returns, or on what is in the tables.

use super::naming::Naming;
use super::text::inert;
use crate::run::Run;
use crate::run::growth::{Growth, growths, pages_per_job};
use crate::run::plan_result::PlanResult;
use crate::units::Count;

/// The rule that judges growth.
const RULE: &str = "fetch-not-bounded";

/// From how many times the pages a job, and from how many pages more in all, a fixture that puts something in the way is named.
const NOTABLE: f64 = 3.0;
const LEAST_PAGES: u64 = 64;

/// The verdicts, by server and queue in the order of the run; none of a queue whose fetch was not measured among few jobs and among many.
pub(super) fn lines(run: &Run, naming: &Naming<'_>) -> Vec<String> {
    let growths = growths(run);
    let mut queues: Vec<[&str; 2]> = Vec::new();
    for growth in &growths {
        let queue = of(growth.few);
        if !queues.contains(&queue) {
            queues.push(queue);
        }
    }
    let verdicts = queues.into_iter().filter_map(|queue| {
        let of_queue: Vec<&Growth<'_>> = growths
            .iter()
            .filter(|growth| of(growth.few) == queue)
            .collect();
        verdict(run, queue, &of_queue, naming)
    });
    verdicts.collect()
}

fn of(result: &PlanResult) -> [&str; 2] {
    [&result.postgres, &result.queue]
}

fn verdict(
    run: &Run,
    [postgres, queue]: [&str; 2],
    growths: &[&Growth<'_>],
    naming: &Naming<'_>,
) -> Option<String> {
    let server = if naming.several_servers {
        format!(" (PostgreSQL {})", inert(postgres))
    } else {
        String::new()
    };
    let queue = format!("{}{server}", inert(queue));
    let unbounded: Vec<&&Growth<'_>> = growths.iter().filter(|one| is_found(one.many)).collect();
    let steepest = unbounded
        .iter()
        .max_by(|one, other| steepness(one).total_cmp(&steepness(other)));
    if let Some(growth) = steepest {
        let others = match unbounded.len() {
            1 => String::new(),
            2 => "; so does another variant".to_owned(),
            some => format!("; so do {} other variants", some - 1),
        };
        let said = sizes(growth);
        let name = naming.name(growth.many);
        return Some(format!("{queue}: not bounded: {name} reads {said}{others}"));
    }
    let typical = growths.iter().min_by(|one, other| {
        let distance = |growth: &Growth<'_>| (growth.many.rows as f64 / 10.0).ln().abs();
        distance(one).total_cmp(&distance(other))
    })?;
    let name = naming.name(typical.many);
    let said = sizes(typical);
    let mut line = format!(
        "{queue}: bounded: pages per job do not grow with the backlog; {name} reads {said}"
    );
    let hurt = hurt(run, growths);
    if !hurt.is_empty() {
        line += &format!("; they do on {}", hurt.join(", "));
    }
    Some(line)
}

fn is_found(result: &PlanResult) -> bool {
    result.findings.iter().any(|finding| finding.rule == RULE)
}

fn steepness(growth: &Growth<'_>) -> f64 {
    pages_per_job(growth.many) / pages_per_job(growth.few).max(f64::MIN_POSITIVE)
}

/// For example `146 pages for 10 of 50,000 jobs, 60 for 5 of 500`.
fn sizes(growth: &Growth<'_>) -> String {
    let Growth {
        few,
        few_jobs,
        many,
        many_jobs,
    } = growth;
    format!(
        "{} pages for {} of {} jobs, {} for {} of {}",
        Count(many.buffers.total),
        Count(many.rows),
        Count(*many_jobs),
        Count(few.buffers.total),
        Count(few.rows),
        Count(*few_jobs),
    )
}

/// The fixtures on which a fetch reads several times what it reads among many jobs, and how many times; the worst variant of each.
fn hurt(run: &Run, growths: &[&Growth<'_>]) -> Vec<String> {
    let mut worst: Vec<(&str, f64)> = Vec::new();
    for growth in growths {
        for result in growth.disturbed(run) {
            let times = pages_per_job(result) / pages_per_job(growth.many).max(f64::MIN_POSITIVE);
            let least = growth.many.buffers.total.saturating_add(LEAST_PAGES);
            if times < NOTABLE || result.buffers.total < least {
                continue;
            }
            match worst.iter_mut().find(|(name, _)| *name == result.fixture) {
                Some((_, known)) => *known = known.max(times),
                None => worst.push((&result.fixture, times)),
            }
        }
    }
    worst.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    worst
        .into_iter()
        .map(|(name, times)| format!("{} ({times:.0}×)", inert(name)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::{Finding, Severity};
    use crate::run::plan_result::PlanMode;
    use crate::run::sample;

    /// The verdicts on results with these queues, fixtures, pages and rows; the fixtures have these jobs, and some are plain.
    fn verdicts(
        fixtures: &[(&str, u64, bool)],
        results: &[(&str, &str, u64, u64)],
        found: &[usize],
    ) -> Vec<String> {
        let mut run = sample::run();
        let template = run.results.swap_remove(0);
        let record = run.environment.fixtures["future-rows"].clone();
        for (name, jobs, plain) in fixtures {
            let mut record = record.clone();
            (record.jobs, record.plain) = (*jobs, *plain);
            run.environment.fixtures.insert((*name).to_owned(), record);
        }
        let results = results.iter().enumerate();
        let result =
            |(position, (queue, fixture, pages, rows)): (usize, &(&str, &str, u64, u64))| {
                let mut result = template.clone();
                result.queue = (*queue).to_owned();
                result.fixture = (*fixture).to_owned();
                (result.buffers.total, result.rows) = (*pages, *rows);
                (result.plan_mode, result.auto_plan) = (PlanMode::Custom, Some(PlanMode::Custom));
                result.findings = Vec::new();
                if found.contains(&position) {
                    result.findings.push(Finding {
                        rule: RULE.to_owned(),
                        severity: Severity::Critical,
                        message: String::new(),
                        help: String::new(),
                        node: None,
                        evidence: std::collections::BTreeMap::new(),
                    });
                }
                result
            };
        run.results = results.map(result).collect();
        lines(&run, &Naming::of(&run))
    }

    const FIXTURES: [(&str, u64, bool); 4] = [
        ("heavy", 1_000_000, true),
        ("sparse", 500, true),
        ("middle", 1_000, true),
        ("dead", 50_000, false),
    ];

    #[test]
    fn a_queue_that_reads_what_it_returns_is_bounded_and_says_what_still_hurts() {
        let results = [
            ("q", "heavy", 166, 10),
            ("q", "sparse", 60, 5),
            ("q", "dead", 7_600, 10),
        ];
        assert_eq!(
            verdicts(&FIXTURES, &results, &[]),
            [
                "q: bounded: pages per job do not grow with the backlog; fetch batch-1 reads 166 pages for 10 of 1,000,000 jobs, \
              60 for 5 of 500; they do on dead (46×)"
            ]
        );
    }

    #[test]
    fn one_that_does_not_says_by_how_much() {
        let results = [("q", "heavy", 27_469, 10), ("q", "sparse", 14, 5)];
        assert_eq!(
            verdicts(&FIXTURES, &results, &[0]),
            [
                "q: not bounded: fetch batch-1 reads 27,469 pages for 10 of 1,000,000 jobs, 14 for 5 of 500"
            ]
        );
    }

    #[test]
    fn nothing_is_said_of_one_size_or_of_a_fetch_that_finds_nothing() {
        let results = [
            ("q", "sparse", 60, 5),
            ("q", "middle", 60, 5),
            ("q", "dead", 9_999, 10),
            ("empty", "heavy", 3, 0),
            ("empty", "sparse", 3, 0),
        ];
        assert_eq!(verdicts(&FIXTURES, &results, &[]), [] as [String; 0]);
    }
}
