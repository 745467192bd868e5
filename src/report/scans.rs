//! One execution after another, where a session holds a snapshot or locks: what the first scan leaves for the next.

use super::text::inert;
use super::versions::by_fixture_and_queue;
use crate::run::plan_result::{PlanResult, When};
use crate::units::Count;

/// From this factor on, and this many pages, two scans differ notably.
const NOTABLE_RATIO: u64 = 2;
const NOTABLE_PAGES: u64 = 50;

/// A line for each queue on a fixture of which two scans in a row differ notably: about the plan of which they differ most.
pub(super) fn lines(results: &[PlanResult]) -> Vec<String> {
    let groups = by_fixture_and_queue(results);
    groups.iter().filter_map(|group| line(group)).collect()
}

fn line(results: &[&PlanResult]) -> Option<String> {
    let notable: Vec<(&PlanResult, u64)> = results
        .iter()
        .map(|result| (*result, difference(result)))
        .filter(|(_, difference)| *difference > 0)
        .collect();
    // The first of several, so that the line is the same each time.
    let (most, _) = notable
        .iter()
        .rev()
        .max_by_key(|(_, difference)| *difference)?;
    let pages = |when| pages(most, when);
    let (first, second) = (pages(When::First)?, pages(When::Second)?);
    let mut line = format!(
        "{} on {}, {} {}: {} pages, then {}",
        inert(&most.queue),
        inert(&most.fixture),
        inert(&most.statement),
        inert(&most.variant),
        Count(first),
        Count(second),
    );
    if let (Some(first), Some(second)) = (
        pages(When::FirstAfterRelease),
        pages(When::SecondAfterRelease),
    ) {
        line.push_str(&format!(
            "; when the snapshot was released {}, then {}",
            Count(first),
            Count(second)
        ));
    }
    match notable.len() {
        1 => {}
        more => line.push_str(&format!(" (and so of {} more)", Count(more as u64 - 1))),
    }
    Some(line)
}

/// By how many pages two scans in a row differ, the most; 0 where that is not notable.
fn difference(result: &PlanResult) -> u64 {
    let differ = |one: u64, other: u64| {
        let (less, more) = (one.min(other), one.max(other));
        let notable = more - less >= NOTABLE_PAGES && more >= NOTABLE_RATIO * less;
        if notable { more - less } else { 0 }
    };
    let pairs = [
        (When::First, When::Second),
        (When::FirstAfterRelease, When::SecondAfterRelease),
    ];
    let differences = pairs
        .into_iter()
        .filter_map(|(one, other)| Some(differ(pages(result, one)?, pages(result, other)?)));
    differences.max().unwrap_or(0)
}

fn pages(result: &PlanResult, when: When) -> Option<u64> {
    let mut scans = result.scans.iter();
    let scan = scans.find(|scan| scan.when == when)?;
    Some(scan.pages)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::plan_result::Scan;
    use crate::run::sample;

    fn scanned(pages: &[u64]) -> PlanResult {
        let order = [
            When::First,
            When::Second,
            When::FirstAfterRelease,
            When::SecondAfterRelease,
        ];
        let scans = order.into_iter().zip(pages);
        let mut result = sample::run().results.remove(0);
        result.scans = scans.map(|(when, &pages)| Scan { when, pages }).collect();
        result
    }

    #[test]
    fn a_line_is_about_the_greatest_difference_of_a_queue_on_a_fixture() {
        assert_eq!(lines(&[scanned(&[])]), [""; 0]);
        assert_eq!(lines(&[scanned(&[100, 60]), scanned(&[60, 20])]), [""; 0]);
        let snapshot = [1_857, 1_857, 2_595, 755];
        let both = lines(&[scanned(&[100, 20]), scanned(&snapshot)]);
        assert_eq!(both.len(), 1);
        assert!(
            both[0].ends_with(
                ": 1,857 pages, then 1,857; when the snapshot was released 2,595, then 755 (and so of 1 more)"
            ),
            "{both:?}"
        );
        let one = lines(&[scanned(&[100, 20])]);
        assert!(one[0].ends_with(": 100 pages, then 20"), "{one:?}");
    }
}
