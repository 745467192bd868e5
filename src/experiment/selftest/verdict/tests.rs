//! What is found decides what is trusted.

use super::judge;
use crate::run::environment::Limitation;
use crate::run::selftest::sample::steady;
use crate::run::selftest::{Difference, FalseAlarms, Outcome, SelfTest, Topic, Trust};

/// The judgement of a topic after `change`, and what all of it comes to.
fn judged(topic: Topic, change: impl FnOnce(&mut SelfTest)) -> (Trust, String, Outcome) {
    let mut found = steady();
    change(&mut found);
    found.verdict = judge(&found);
    let outcome = found.outcome();
    let judgement = found.verdict.into_iter().find(|one| one.topic == topic);
    let judgement = judgement.expect("every topic is judged");
    (judgement.trust, judgement.sentence, outcome)
}

fn differ(found: &mut SelfTest, key: &'static str) {
    found.counts.variants[0].differences.push(Difference {
        key,
        values: ["1", "2", "1", "1", "1"].map(str::to_owned).to_vec(),
    });
}

fn limit(found: &mut SelfTest, key: &str) {
    found.server.record.limitations.push(Limitation {
        capability: "pg_prewarm".to_owned(),
        not_comparable: vec![key.to_owned()],
        message: "pg_prewarm is not installed".to_owned(),
    });
}

#[test]
fn a_steady_machine_is_trusted() {
    let mut found = steady();
    found.verdict = judge(&found);
    let trusts: Vec<Trust> = found.verdict.iter().map(|one| one.trust).collect();
    use Trust::{Limited, Yes};
    assert_eq!(trusts, [Yes, Yes, Limited, Yes, Yes, Yes, Yes]);
    assert_eq!(found.outcome(), Outcome::Passed);
}

#[test]
fn counts_that_are_promised_and_differ_are_a_failure() {
    for key in ["shape", "rows", "buffers.total", "wal.records"] {
        let (trust, sentence, outcome) = judged(Topic::Counts, |found| differ(found, key));
        assert_eq!((trust, outcome), (Trust::No, Outcome::CountsDiffer));
        assert!(sentence.contains(&format!(": {key};")), "{sentence}");
    }
}

#[test]
fn counts_that_are_not_promised_may_differ() {
    let (trust, sentence, outcome) = judged(Topic::Counts, |found| differ(found, "wal.bytes"));
    assert_eq!((trust, outcome), (Trust::Limited, Outcome::Passed));
    assert!(
        sentence.contains("not promised here: wal.bytes;"),
        "{sentence}"
    );
    let (trust, ..) = judged(Topic::Counts, |found| {
        differ(found, "buffers.total");
        limit(found, "buffers");
    });
    assert_eq!(trust, Trust::Limited);
    let (trust, ..) = judged(Topic::Counts, |found| {
        differ(found, "buffers.total");
        limit(found, "buffers.read");
        limit(found, "buff");
    });
    assert_eq!(trust, Trust::No, "what is limited is something else");
    let (trust, sentence, _) = judged(Topic::Counts, |found| limit(found, "buffers"));
    assert_eq!(trust, Trust::Yes);
    assert!(sentence.contains("what this server lacks"), "{sentence}");
}

#[test]
fn false_alarms_and_wide_intervals_take_the_trust_in_times() {
    let topic = Topic::InterleavedTimes;
    let (trust, sentence, outcome) = judged(topic, |found| {
        found.times.interleaved = FalseAlarms {
            comparisons: 50,
            alarms: 3,
        };
    });
    assert_eq!((trust, outcome), (Trust::No, Outcome::Passed));
    assert!(sentence.contains("6.00 %"), "{sentence}");
    let (trust, ..) = judged(topic, |found| found.times.told_from = Some(0.7));
    assert_eq!(trust, Trust::Limited);
    let (trust, sentence, outcome) = judged(topic, |found| found.times.told_from = None);
    assert_eq!((trust, outcome), (Trust::Unknown, Outcome::Inconclusive));
    assert!(sentence.contains("--budget"), "{sentence}");
    let (_, sentence, _) = judged(topic, |found| found.times.median_ms = Some(0.3));
    assert!(sentence.contains("0.1 ms of it"), "{sentence}");
    let (trust, ..) = judged(Topic::TimesOfRuns, |found| {
        found.times.apart_in_blocks = Some(0.8);
    });
    assert_eq!(trust, Trust::No);
}

#[test]
fn a_sync_that_no_disk_can_do_is_named() {
    let topic = Topic::DurableCommits;
    let (trust, sentence, outcome) = judged(topic, |found| {
        found.disk.sync.as_mut().expect("measured").median_ms = 0.02;
    });
    assert_eq!((trust, outcome), (Trust::No, Outcome::Passed));
    assert!(sentence.contains("not really synced"), "{sentence}");
    let (trust, ..) = judged(topic, |found| {
        found.disk.sync.as_mut().expect("measured").p95_ms = Some(10.0);
    });
    assert_eq!(trust, Trust::Limited);
    let (trust, sentence, outcome) = judged(topic, |found| {
        found.disk.sync = None;
        found.disk.not_measured = Some("it runs elsewhere".to_owned());
    });
    assert_eq!((trust, outcome), (Trust::Unknown, Outcome::Passed));
    assert_eq!(sentence, "it runs elsewhere");
}

#[test]
fn a_dear_clock_is_named_with_its_source() {
    let topic = Topic::NodeTimes;
    let (trust, sentence, _) = judged(topic, |found| {
        found.clock.timing_ns_per_row = Some(1200.0);
        found.clock.source = Some("hpet".to_owned());
    });
    assert_eq!(trust, Trust::Limited);
    assert!(
        sentence.contains("1,200 ns") && sentence.contains("hpet"),
        "{sentence}"
    );
    let (trust, ..) = judged(topic, |found| found.clock.timing_ns_per_row = None);
    assert_eq!(trust, Trust::Limited);
}

#[test]
fn what_disturbs_the_machine_is_named() {
    let (trust, sentence, outcome) = judged(Topic::Machine, |found| {
        found.machine.load_average = Some(8.5);
        found.machine.stolen = Some(0.04);
        found.machine.governors = ["performance", "powersave"].map(str::to_owned).to_vec();
        found.server.bin_dir = None;
    });
    assert_eq!((trust, outcome), (Trust::Limited, Outcome::Passed));
    for part in [
        "8.5 on 4 processors",
        "4.00 %",
        "(governor powersave)",
        "not the server's",
    ] {
        assert!(sentence.contains(part), "{sentence}");
    }
}

#[test]
fn a_generator_that_does_not_keep_up_is_a_warning() {
    let topic = Topic::Generator;
    let (trust, sentence, _) = judged(topic, |_| {});
    assert_eq!(trust, Trust::Yes);
    assert!(
        sentence.contains(
            "1.02 × its throughput at 1.25 × its processor time for a statement (median of 3 pairs)"
        ),
        "{sentence}"
    );
    let (trust, sentence, outcome) =
        judged(topic, |found| found.pgbench.throughput_ratio = Some(0.94));
    assert_eq!((trust, outcome), (Trust::Limited, Outcome::Passed));
    assert!(sentence.contains("does not keep up"), "{sentence}");
    let (trust, sentence, _) = judged(topic, |found| {
        found.pgbench.cpu_ratio = Some(1.76);
        found.debug_build = true;
    });
    assert_eq!(trust, Trust::Limited);
    assert!(
        sentence.contains("is dear") && sentence.contains("debug build"),
        "{sentence}"
    );
    let (trust, sentence, outcome) = judged(topic, |found| {
        found.pgbench.cpu_ratio = None;
        found.pgbench.not_measured = Some("there is no pgbench".to_owned());
    });
    assert_eq!((trust, outcome), (Trust::Unknown, Outcome::Passed));
    assert_eq!(sentence, "there is no pgbench");
}
