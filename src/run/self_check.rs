//! What comparing queues with themselves found: every difference is a false alarm.

use serde::Serialize;

use super::comparison::times::half_shifts_agree;
use super::comparison::{Cause, ComparedPlan, Comparison, Effect, Times};
use super::selftest::FalseAlarms;
use crate::stats::change::{SIGNIFICANCE, least_ms};

/// The version of what `compare-plans --self-check --json` prints.
pub const FORMAT_VERSION: u32 = 1;

/// False alarms by time that are borne: one in so many comparisons.
pub const BORNE: usize = 100;

/// The plain rule that nobody should use: medians that lie further apart than this share.
pub const NAIVE_SHARE: f64 = 0.05;

/// How often a comparison would have cried wolf, by rule.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SelfCheck {
    /// Version of this format; [`FORMAT_VERSION`].
    pub format_version: u32,
    /// Versions of the servers.
    pub servers: Vec<String>,
    /// Ids of the two runs.
    pub runs: [String; 2],
    /// Samples of a plan on each side, at least; 0 without plans.
    pub samples: usize,
    /// By counts, as a gate judges.
    pub counts: FalseAlarms,
    /// By times, as a gate judges: the rank test with Holm's correction, and an interval beyond 10 % and 0.1 ms.
    pub times: FalseAlarms,
    /// The same without Holm's correction.
    pub without_correction: FalseAlarms,
    /// The rank test alone, without a least effect and without correction.
    pub rank_test_alone: FalseAlarms,
    /// Medians that lie more than 5 % apart.
    pub naive: FalseAlarms,
    /// The plans that a gate would have found different.
    pub alarms: Vec<Alarm>,
}

/// A plan that was found different from itself.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Alarm {
    /// Server version.
    pub postgres: String,
    /// Queue.
    pub queue: String,
    /// Fixture.
    pub fixture: String,
    /// Statement.
    pub statement: String,
    /// Variant.
    pub variant: String,
    /// Name of the plan mode.
    pub plan_mode: &'static str,
    /// Whether it was by time; else by counts.
    pub by_time: bool,
    /// What was said of it.
    pub message: String,
}

impl SelfCheck {
    /// Counts the alarms in a comparison of two runs that measured the same; `samples` is the least number of samples of a plan.
    #[must_use]
    pub fn of(comparison: &Comparison, samples: usize) -> SelfCheck {
        let plans = || comparison.plans.iter();
        let times: Vec<&Times> = plans().filter_map(|plan| plan.times.as_ref()).collect();
        let tested = |is_alarm: fn(&Times) -> Option<bool>| {
            let judged: Vec<bool> = times.iter().filter_map(|times| is_alarm(times)).collect();
            FalseAlarms {
                comparisons: judged.len(),
                alarms: judged.iter().filter(|alarm| **alarm).count(),
            }
        };
        SelfCheck {
            format_version: FORMAT_VERSION,
            servers: comparison.second.servers.clone(),
            runs: [&comparison.first, &comparison.second].map(|side| side.run_id.clone()),
            samples,
            counts: FalseAlarms {
                comparisons: plans().filter(|plan| is_counted(plan)).count(),
                alarms: plans().filter(|plan| !by_counts(plan).is_empty()).count(),
            },
            times: tested(|times| Some(times.test?.real)),
            without_correction: tested(|times| {
                let (test, least) = (times.test?, least_ms(times.first_p50));
                let beyond = test.low_ms > least || test.high_ms < -least;
                let agree = half_shifts_agree(test.half_shifts_ms, least);
                Some(test.p_value < SIGNIFICANCE && beyond && agree)
            }),
            rank_test_alone: tested(|times| Some(times.test?.p_value < SIGNIFICANCE)),
            naive: tested(|times| {
                times.test?;
                let apart = (times.second_p50 - times.first_p50).abs();
                Some(apart > times.first_p50 * NAIVE_SHARE)
            }),
            alarms: plans().flat_map(alarms).collect(),
        }
    }

    /// Whether times gave more false alarms than are borne.
    #[must_use]
    pub fn cries_wolf(&self) -> bool {
        self.times.alarms * BORNE > self.times.comparisons
    }
}

/// Whether a plan has counts on both sides. One that could not be measured is a failure, which says nothing of counts.
fn is_counted(plan: &ComparedPlan) -> bool {
    let mut reasons = plan.reasons.iter();
    reasons.all(|reason| reason.what != Cause::Failure)
}

/// What is said of the counts of a plan, if anything is.
fn by_counts(plan: &ComparedPlan) -> Vec<String> {
    let reasons = plan.reasons.iter().filter(|_| is_counted(plan));
    let reasons = reasons.filter(|reason| reason.what != Cause::Time);
    reasons.map(|reason| reason.message.clone()).collect()
}

fn alarms(plan: &ComparedPlan) -> Vec<Alarm> {
    let mut alarms = Vec::new();
    let mut alarm = |by_time, message| {
        alarms.push(Alarm {
            postgres: plan.postgres.clone(),
            queue: plan.queue.clone(),
            fixture: plan.fixture.clone(),
            statement: plan.statement.clone(),
            variant: plan.variant.clone(),
            plan_mode: plan.plan_mode.name(),
            by_time,
            message,
        });
    };
    let counts = by_counts(plan);
    if !counts.is_empty() {
        alarm(false, counts.join("; "));
    }
    let timed = |effect: Effect| matches!(effect, Effect::Worse | Effect::Better);
    let times = plan.reasons.iter();
    let times = times.filter(|reason| reason.what == Cause::Time && timed(reason.effect));
    for reason in times {
        alarm(true, reason.message.clone());
    }
    alarms
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::comparison::{Reason, TimeTest, sample};

    /// A comparison in which nothing has changed, and whose first plan's times lie so far apart.
    fn found(p_value: f64, p_adjusted: f64, second_p50: f64) -> SelfCheck {
        let mut comparison = sample::unchanged();
        comparison.plans.truncate(2);
        for plan in &mut comparison.plans {
            plan.times = None;
        }
        let shift_ms = second_p50 - 2.0;
        let real = p_adjusted < SIGNIFICANCE && shift_ms.abs() > 0.25;
        let plan = &mut comparison.plans[0];
        plan.times = Some(Times {
            first_p50: 2.0,
            second_p50,
            test: Some(TimeTest {
                p_value,
                p_adjusted,
                shift_ms,
                low_ms: shift_ms - 0.05,
                high_ms: shift_ms + 0.05,
                half_shifts_ms: [shift_ms; 2],
                real,
            }),
        });
        if real {
            plan.reasons.push(Reason {
                what: Cause::Time,
                effect: Effect::Worse,
                message: "execution time".to_owned(),
            });
        }
        SelfCheck::of(&comparison, 20)
    }

    /// Alarms by counts, times, without correction, by the rank test alone, by medians.
    fn alarms(found: &SelfCheck) -> [usize; 5] {
        [
            found.counts,
            found.times,
            found.without_correction,
            found.rank_test_alone,
            found.naive,
        ]
        .map(|rule| rule.alarms)
    }

    #[test]
    fn each_rule_counts_its_own_alarms() {
        let quiet = found(0.6, 1.0, 2.01);
        assert_eq!(alarms(&quiet), [0; 5]);
        assert_eq!(
            (quiet.counts.comparisons, quiet.times.comparisons),
            (2, 1),
            "times are compared where they were tested"
        );
        assert_eq!(alarms(&found(0.6, 1.0, 2.2)), [0, 0, 0, 0, 1]);
        assert_eq!(alarms(&found(0.01, 0.5, 2.02)), [0, 0, 0, 1, 0]);
        assert_eq!(alarms(&found(0.01, 0.5, 2.5)), [0, 0, 1, 1, 1]);
        assert_eq!(alarms(&found(0.0001, 0.01, 1.5)), [0, 1, 1, 1, 1]);
    }

    #[test]
    fn an_alarm_names_its_plan() {
        let found = found(0.0001, 0.01, 2.5);
        let said: Vec<(bool, &str)> = found
            .alarms
            .iter()
            .map(|alarm| (alarm.by_time, alarm.message.as_str()))
            .collect();
        assert_eq!(said, [(true, "execution time")]);
        assert!(found.cries_wolf(), "1 of 1");
    }

    #[test]
    fn whatever_is_not_about_time_is_a_false_alarm_of_counts() {
        let found = SelfCheck::of(&sample::comparison(), 20);
        assert!(found.counts.alarms > 0);
        let by_counts = found.alarms.iter().filter(|alarm| !alarm.by_time);
        assert_eq!(by_counts.count(), found.counts.alarms);
    }

    #[test]
    fn what_could_not_be_measured_is_no_difference_in_counts() {
        let mut comparison = sample::unchanged();
        let plans = comparison.plans.len();
        comparison.plans[0].reasons.push(Reason {
            what: Cause::Failure,
            effect: Effect::Unknown,
            message: "not measured in the second run: canceling statement".to_owned(),
        });
        let found = SelfCheck::of(&comparison, 20);
        let expected = FalseAlarms {
            comparisons: plans - 1,
            alarms: 0,
        };
        assert_eq!(found.counts, expected);
        assert_eq!(found.alarms, []);
    }

    #[test]
    fn one_in_a_hundred_is_borne() {
        let mut found = found(0.6, 1.0, 2.0);
        let of = |comparisons, alarms| FalseAlarms {
            comparisons,
            alarms,
        };
        for (times, cries) in [
            (of(100, 1), false),
            (of(99, 1), true),
            (of(250, 3), true),
            (of(0, 0), false),
        ] {
            found.times = times;
            assert_eq!(found.cries_wolf(), cries, "{times:?}");
        }
    }
}
