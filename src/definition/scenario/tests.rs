//! Scenarios read, and refused with file, line and column.

use proptest::prelude::*;

use super::*;

const LEAST: &str = "kind = \"throughput\"\ndescription = \"d\"\nfixture = \"f\"\nqueue = \"q\"\n";

#[track_caller]
fn read(more: &str) -> Scenario {
    let source = Source::new("scenarios/mine.toml", format!("{LEAST}{more}"));
    Scenario::parse(source).unwrap_or_else(|error| panic!("{error}"))
}

#[track_caller]
fn refused(more: &str, message: &str) {
    let source = Source::new("s.toml", format!("{LEAST}{more}"));
    let error = Scenario::parse(source).unwrap_err().to_string();
    assert_eq!(error, format!("s.toml:{message}"));
}

#[test]
fn the_least_scenario_has_defaults() {
    let scenario = read("");
    assert_eq!(scenario.name, "mine");
    assert_eq!(scenario.kind, Kind::Throughput);
    assert_eq!(
        (
            scenario.rows,
            scenario.duration,
            scenario.warmup,
            scenario.repeat
        ),
        (None, None, Duration::ZERO, 1)
    );
    assert_eq!(scenario.workers, Workers::default());
    assert_eq!(scenario.task, Task::Noop);
    assert_eq!(scenario.outcomes, Outcomes::default());
    assert!(scenario.thresholds.is_empty() && scenario.settings.is_empty());
}

#[test]
fn every_key_is_read() {
    let scenario = read(
        "rows = 10_000\nduration = \"60s\"\nwarmup = \"1.5s\"\nrepeat = 3\n\
         thresholds = [\"latency.fetch.service.p95 < 20ms\", \"ledger.lost == 0\"]\n\
         [workers]\ncount = 8\nprocesses = 2\nbatch_size = 50\nconcurrency = 5\npoll_interval = \"10ms\"\n\
         flush_interval = \"0\"\ncompletion = \"with-next-fetch\"\nlisten = true\n\
         [task.read-write]\nread = \"8kB\"\nwrite = 100\nwithin = true\n\
         [outcomes]\nfailed = 0.1\nreleased = 0.2\npanicked = 0.05\n\
         [settings]\nautovacuum_naptime = \"1s\"\nautovacuum_vacuum_scale_factor = 0.01\nwork_mem = 4096\nautovacuum = true\n",
    );
    assert_eq!(scenario.rows, Some(10_000));
    assert_eq!(scenario.duration, Some(Duration::from_secs(60)));
    assert_eq!(scenario.warmup, Duration::from_millis(1500));
    assert_eq!(scenario.repeat, 3);
    let numbers: Vec<f64> = scenario.thresholds.iter().map(|one| one.number).collect();
    assert_eq!(numbers, [20.0, 0.0]);
    let workers = Workers {
        count: 8,
        processes: 2,
        batch_size: 50,
        concurrency: 5,
        poll_interval: Duration::from_millis(10),
        flush_interval: Duration::ZERO,
        completion: Completion::WithNextFetch,
        listen: true,
    };
    assert_eq!(scenario.workers, workers);
    let task = Task::ReadWrite {
        read: 8192,
        write: 100,
        within: true,
    };
    assert_eq!(scenario.task, task);
    let outcomes = Outcomes {
        failed: 0.1,
        released: 0.2,
        panicked: 0.05,
    };
    assert_eq!(scenario.outcomes, outcomes);
    let settings: Vec<(&str, &str)> = scenario
        .settings
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    assert_eq!(
        settings,
        [
            ("autovacuum", "on"),
            ("autovacuum_naptime", "1s"),
            ("autovacuum_vacuum_scale_factor", "0.01"),
            ("work_mem", "4096"),
        ]
    );
}

#[test]
fn a_task_is_the_same_in_a_file_and_on_the_command_line() {
    for (table, words, task) in [
        ("[task.noop]", "noop", Task::Noop),
        (
            "[task.cpu]\noperations = 1000",
            "cpu:operations=1000",
            Task::Cpu { operations: 1000 },
        ),
        (
            "[task.io]\nwait = \"10ms\"",
            "io:wait=10ms",
            Task::Io {
                wait: Duration::from_millis(10),
            },
        ),
        (
            "[task.memory]\nbytes = \"1MB\"",
            "memory:bytes=1MB",
            Task::Memory { bytes: 1 << 20 },
        ),
        (
            "[task.read-write]\nwrite = \"8kB\"",
            "read-write:read=0,write=8kB,within=false",
            Task::ReadWrite {
                read: 0,
                write: 8192,
                within: false,
            },
        ),
        ("[task.steps]", "steps:count=3", Task::Steps { count: 3 }),
    ] {
        assert_eq!(read(table).task, task, "{table}");
        assert_eq!(task.to_string(), words);
        assert_eq!(Task::of(words), Ok(task), "{words}");
    }
    assert_eq!(Task::of("steps"), Ok(Task::Steps { count: 3 }));
    assert_eq!(
        Task::of("cpu: operations = 1_000 "),
        Ok(Task::Cpu { operations: 1000 })
    );
    let amounts = |words: &str| format!("{:?}", Task::of(words).unwrap().amounts());
    assert_eq!(amounts("io:wait=1.5s"), "{\"wait_ms\": 1500.0}");
    assert_eq!(amounts("noop"), "{}");
}

#[test]
fn outcomes_on_the_command_line_are_those_of_the_table() {
    let outcomes = Outcomes {
        failed: 0.1,
        released: 0.0,
        panicked: 0.25,
    };
    assert_eq!(Outcomes::of("failed=0.1, panicked = 0.25"), Ok(outcomes));
    assert_eq!(Outcomes::of(&outcomes.to_string()), Ok(outcomes));
    for (words, message) in [
        (
            "failed",
            "`failed` is not KEY=VALUE; write for example `failed=0.1,released=0.05`",
        ),
        (
            "failed=2",
            "`outcomes.failed` is 2; a share lies between 0 and 1",
        ),
        (
            "failed=0.1,failed=0",
            "`failed` is there twice; write it once",
        ),
        (
            "failed=0.9,released=0.2",
            "the shares of outcomes add up to 1.1; together they are at most 1; the rest completes",
        ),
    ] {
        assert_eq!(Outcomes::of(words).unwrap_err(), message, "{words}");
    }
    for words in ["faild=0.1", "failed=x", "failed=nan"] {
        assert!(Outcomes::of(words).is_err(), "{words}");
    }
}

#[test]
fn a_task_on_the_command_line_is_refused_in_the_same_words() {
    let refused = |words: &str, message: &str| {
        assert_eq!(Task::of(words).unwrap_err(), message, "{words}");
    };
    refused(
        "cpuu:operations=1",
        "unknown key `cpuu`; did you mean `cpu`?",
    );
    refused("cpu", "key `operations` is missing; add `operations = …`");
    refused(
        "cpu:operation=1",
        "unknown key `operation`; did you mean `operations`?",
    );
    refused(
        "cpu:operations=0",
        "`task.cpu.operations` is 0; write 1 or more",
    );
    refused(
        "cpu:1",
        "`1` is not KEY=VALUE; write for example `io:wait=10ms`",
    );
    refused(
        "cpu:operations=1,operations=2",
        "`operations` is there twice; write it once",
    );
    refused(
        "io:wait=10",
        "found integer `10`, expected a duration such as \"10ms\"",
    );
    refused(
        "io:wait=soon",
        "`soon` is not a duration; write a number and us, ms, s, min, h or d: `10ms`, `1.5s`",
    );
    refused(
        "io:wait=0s",
        "`task.io.wait` is 0; write how long a job waits, for example `10ms`, or take the task noop",
    );
}

#[test]
fn what_does_not_fit_is_refused_with_its_place() {
    refused("row = 1", "5:1: unknown key `row`; did you mean `rows`?");
    refused(
        "[workers]\ncuont = 1",
        "6:1: unknown key `cuont`; did you mean `count`?",
    );
    refused(
        "duration = 60",
        "5:12: found integer `60`, expected a duration such as \"10ms\"",
    );
    refused(
        "duration = \"1 year\"",
        "5:12: `1 year` is not a duration; write a number and us, ms, s, min, h or d: `10ms`, `1.5s`",
    );
    refused(
        "[workers]\ncompletion = \"bach\"",
        "6:14: unknown value `bach`; did you mean `batch`?",
    );
    refused(
        "[task.memory]\nbytes = \"1mb\"",
        "6:9: `1mb` is not a size; write a number and B, kB, MB, GB or TB: `8kB`, `1MB`",
    );
    refused(
        "[task.cpu]",
        "5:1: key `operations` is missing; add `operations = …`",
    );
    refused(
        "[task.cpu]\noperations = 1\n[task.io]\nwait = \"1ms\"",
        "7:1: there are two tasks: `cpu` and `io`; a job takes one: remove the other table",
    );
    refused(
        "[task.sleep]",
        "5:7: unknown key `sleep`; keys: `noop`, `cpu`, `io`, `memory`, `read-write`, `steps`",
    );
    refused(
        "thresholds = [\n  \"ledger.lost == 0\",\n  \"ledger.lost == 0s\",\n]",
        "7:3: `s` does not fit `ledger.lost`; the figure is a plain number, without a unit",
    );
    refused(
        "[settings]\nwork_mem = [1]",
        "6:12: expected a string, a number, or true or false; durations and sizes are strings: \"1s\"",
    );
}

#[test]
fn values_that_cannot_be_are_refused_with_their_place() {
    for (more, message) in [
        (
            "[workers]\ncount = 0",
            "6:9: `workers.count` is 0; write 1 or more",
        ),
        (
            "[workers]\ncount = 10001",
            "6:9: `workers.count` is 10001; write at most 10000",
        ),
        (
            "[workers]\nbatch_size = 0",
            "6:14: `workers.batch_size` is 0; write 1 or more",
        ),
        (
            "[workers]\nconcurrency = 0",
            "6:15: `workers.concurrency` is 0; write 1 or more",
        ),
        ("rows = 0", "5:8: `rows` is 0; write 1 or more"),
        ("repeat = 0", "5:10: `repeat` is 0; write 1 or more"),
        (
            "[workers]\nprocesses = 5",
            "6:13: `workers.processes` is 5, more than the number of workers, 4; each process needs a worker; 0 means threads of this one",
        ),
        (
            "[workers]\npoll_interval = \"10us\"",
            "6:17: `workers.poll_interval` is 10us; write 1ms or more: workers that find nothing would ask without a pause",
        ),
        (
            "duration = \"0s\"",
            "5:12: `duration` is 0; leave it out to run until the queue is empty",
        ),
        (
            "duration = \"2s\"\nwarmup = \"2s\"",
            "6:10: `warmup` is 2s, and the run lasts 2s; nothing would be counted: shorten the one or lengthen the other",
        ),
        (
            "[outcomes]\nfailed = 1.5",
            "6:10: `outcomes.failed` is 1.5; a share lies between 0 and 1",
        ),
        (
            "[outcomes]\nfailed = 0.75\nreleased = 0.5",
            "5:1: the shares of outcomes add up to 1.25; together they are at most 1; the rest completes",
        ),
        (
            "[task.read-write]\nwithin = true",
            "5:1: `task.read-write` neither reads nor writes; write `read`, `write` or both, for example `8kB`",
        ),
        (
            "[settings]\n\"a b\" = 1",
            "5:1: `a b` cannot name a setting of the server; a name as `show all` lists it, for example `autovacuum_naptime`",
        ),
    ] {
        refused(more, message);
    }
}

#[test]
fn a_scenario_of_the_other_kind_names_the_command() {
    // Its own keys are not known here; the kind is said first.
    let text = "description = \"d\"\nkind = \"load\"\n[producers]\nrate = 100\n";
    let error = Scenario::parse(Source::new("s.toml", text)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "s.toml:2:8: this is a scenario of kind `load`; `pgq-analyze load` runs it; `throughput` takes kind `throughput`"
    );
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(
        text in "\\PC{0,60}",
        tail in "((rows|duration|warmup|repeat|count|batch_size|poll_interval|wait|bytes|failed) = (-?[0-9.e]{1,12}|\"-?[0-9.]{1,9}(ms|s|h|MB|)\"|nan)\n|\\[(workers|task\\.io|task\\.memory|outcomes|settings)\\]\n){0,10}",
        words in "(cpu|io|memory|read-write|steps):((wait|bytes|operations|read|count)=[0-9.]{1,20}(ms|kB|),?){0,3}",
    ) {
        let _ = Scenario::parse(Source::new("s.toml", text.as_str()));
        let _ = Task::of(&text);
        let _ = Threshold::parse(&text);
        if let Ok(scenario) = Scenario::parse(Source::new("s.toml", format!("{LEAST}{tail}"))) {
            prop_assert!(scenario.workers.count >= 1 && scenario.workers.batch_size >= 1);
            prop_assert!(scenario.duration.is_none_or(|duration| duration > scenario.warmup));
        }
        if let Ok(task) = Task::of(&words) {
            prop_assert_eq!(Task::of(&task.to_string()), Ok(task));
        }
    }

    #[test]
    fn any_threshold_is_read_or_refused(metric in "[a-z_.]{1,20}", operator in "(<|<=|>|>=|==|!=)", number in "-?[0-9_.]{1,9}", unit in "(|ms|s|%|kB|jobs/s)") {
        let text = format!("{metric} {operator} {number}{unit}");
        if let Ok(threshold) = Threshold::parse(&text) {
            prop_assert!(threshold.number.is_finite());
            prop_assert_eq!(threshold.metric.join("."), metric);
        }
    }
}
