//! How long the rest of the variants will take, by those that are through. Fixtures differ by more than an order of magnitude: where
//! something is done in every copy, that may be most of the time. So each is judged by itself as soon as it can be, and one that was
//! not begun by those of its kind.

use std::time::Duration;

use crate::run::event::PlannedFixture;

/// Variants that are through before anything is said.
const LEAST: usize = 5;

/// What is planned, what is through, and the time it took.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// In the order they come.
    fixtures: Vec<OfFixture>,
}

#[derive(Debug)]
struct OfFixture {
    name: String,
    in_each_copy: bool,
    planned: usize,
    spent: Spent,
}

/// Variants that are through, and what they took.
#[derive(Clone, Copy, Debug, Default)]
struct Spent {
    variants: usize,
    time: Duration,
}

/// How much is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// Of everything.
    All(Duration),
    /// Of the fixtures of this kind; of the others nothing is known yet.
    OfItsKind(Duration),
}

impl Spent {
    fn and(self, other: Spent) -> Spent {
        Spent {
            variants: self.variants.saturating_add(other.variants),
            time: self.time.saturating_add(other.time),
        }
    }

    /// What so many variants take at this pace; none where none is through.
    fn of(self, variants: usize) -> Option<Duration> {
        let mean = self.time.as_secs_f64() / self.variants as f64;
        Duration::try_from_secs_f64(mean * variants as f64).ok()
    }
}

impl OfFixture {
    fn left(&self) -> usize {
        self.planned.saturating_sub(self.spent.variants)
    }
}

impl Pace {
    /// More variants are to come.
    pub(super) fn plan(&mut self, planned: &[PlannedFixture]) {
        for one in planned {
            match self.find(&one.fixture) {
                Some(known) => known.planned = known.planned.saturating_add(one.variants),
                None => self.fixtures.push(OfFixture {
                    name: one.fixture.clone(),
                    in_each_copy: one.in_each_copy,
                    planned: one.variants,
                    spent: Spent::default(),
                }),
            }
        }
    }

    /// A variant on a fixture is through, since the last one was.
    pub(super) fn finish(&mut self, fixture: &str, time: Duration) {
        if let Some(known) = self.find(fixture) {
            let one = Spent { variants: 1, time };
            known.spent = known.spent.and(one);
        }
    }

    fn find(&mut self, fixture: &str) -> Option<&mut OfFixture> {
        self.fixtures.iter_mut().find(|known| known.name == fixture)
    }

    /// Variants in all.
    pub(super) fn total(&self) -> usize {
        self.fixtures.iter().map(|known| known.planned).sum()
    }

    /// Variants that are through.
    pub(super) fn done(&self) -> usize {
        self.fixtures.iter().map(|known| known.spent.variants).sum()
    }

    /// How long the rest will take; none before enough is through to say.
    pub(super) fn left(&self) -> Option<Left> {
        if self.done() < LEAST {
            return None;
        }
        let (mut left, mut is_all) = (Duration::ZERO, true);
        for fixture in self.fixtures.iter().filter(|known| known.left() > 0) {
            let own = fixture.spent.of(fixture.left());
            let like_it = || self.of_kind(fixture.in_each_copy).of(fixture.left());
            match own.or_else(like_it) {
                Some(time) => left = left.saturating_add(time),
                None => is_all = false,
            }
        }
        Some(match is_all {
            true => Left::All(left),
            false => Left::OfItsKind(left),
        })
    }

    /// What the fixtures in whose copies something is done have taken together, or the others.
    fn of_kind(&self, in_each_copy: bool) -> Spent {
        let of_kind = |known: &&OfFixture| known.in_each_copy == in_each_copy;
        let spent = self.fixtures.iter().filter(of_kind);
        spent.fold(Spent::default(), |sum, known| sum.and(known.spent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(fixture: &str, in_each_copy: bool, variants: usize) -> PlannedFixture {
        PlannedFixture {
            fixture: fixture.to_owned(),
            in_each_copy,
            variants,
        }
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn finish(pace: &mut Pace, fixture: &str, times: usize, took: u64) {
        (0..times).for_each(|_| pace.finish(fixture, seconds(took)));
    }

    #[test]
    fn a_slow_fixture_says_nothing_of_the_others() {
        let mut pace = Pace::default();
        pace.plan(&[planned("dead-head", true, 10), planned("plain", false, 100)]);
        finish(&mut pace, "dead-head", 4, 20);
        assert_eq!(pace.left(), None, "too few");
        finish(&mut pace, "dead-head", 1, 20);
        assert_eq!(pace.left(), Some(Left::OfItsKind(seconds(5 * 20))));
        finish(&mut pace, "dead-head", 5, 20);
        finish(&mut pace, "plain", 10, 1);
        assert_eq!(pace.left(), Some(Left::All(seconds(90))));
        assert_eq!((pace.done(), pace.total()), (20, 110));
    }

    #[test]
    fn a_fixture_that_was_not_begun_is_like_those_of_its_kind() {
        let mut pace = Pace::default();
        pace.plan(&[planned("small", false, 5), planned("large", false, 5)]);
        pace.plan(&[planned("next", false, 10), planned("small", false, 1)]);
        finish(&mut pace, "small", 5, 1);
        finish(&mut pace, "large", 4, 10);
        // One each of those that were begun, ten like the nine that are through.
        let expected = seconds(1 + 10) + seconds(45).mul_f64(10.0 / 9.0);
        let Some(Left::All(left)) = pace.left() else {
            panic!("{:?}", pace.left());
        };
        assert!(
            left.abs_diff(expected) < Duration::from_millis(1),
            "{left:?}"
        );
    }

    #[test]
    fn nothing_is_left_at_the_end_and_nothing_is_known_before_the_plan() {
        let mut pace = Pace::default();
        finish(&mut pace, "unheard-of", 9, 1);
        assert_eq!((pace.done(), pace.left()), (0, None));
        pace.plan(&[planned("one", false, 5)]);
        finish(&mut pace, "one", 7, u64::MAX);
        assert_eq!(pace.left(), Some(Left::All(Duration::ZERO)));
    }
}
