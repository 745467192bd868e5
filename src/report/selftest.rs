//! A self-test for people at a terminal: what was found, then what can be trusted.

mod pgbench;

use super::Layout;
use super::page::Page;
use super::palette::Role;
use super::text::{inert, width};
use crate::run::selftest::{
    Clock, ClockClass, Disk, FalseAlarms, Judgement, SelfTest, Trust, VariantCounts,
};
use crate::units::{Bytes, Count, Milliseconds, Pages, Rows, Significant, UNKNOWN, counted};

/// Columns before what a label stands for.
const LABEL_WIDTH: usize = 21;

/// Classes of readings below this are all listed, in nanoseconds.
const SHORT_NS: f64 = 1000.0;

/// Longer ones only where they have this share; the rest is put together.
const LEAST_SHOWN: f64 = 0.0001;

/// Prints it.
pub(super) fn render(found: &SelfTest, layout: Layout<'_>) -> String {
    let mut page = Page::of(layout);
    server(&mut page, found);
    machine(&mut page, found);
    clock(&mut page, &found.clock, found.debug_build);
    disk(&mut page, &found.disk);
    counts(&mut page, found);
    times(&mut page, found);
    pgbench::section(&mut page, &found.pgbench);
    verdict(&mut page, found);
    page.text()
}

fn heading(page: &mut Page, text: &str) {
    if !page.lines.is_empty() {
        page.blank();
    }
    page.hanging(0, Role::Title, text);
}

fn line(page: &mut Page, label: &str, text: &str) {
    line_as(page, label, Role::Plain, text);
}

fn line_as(page: &mut Page, label: &str, role: Role, text: &str) {
    let label = format!("  {label}");
    page.labelled(LABEL_WIDTH, (Role::Quiet, &label), role, &inert(text));
}

fn server(page: &mut Page, found: &SelfTest) {
    let server = &found.server;
    heading(page, "Server");
    line(page, "version", &server.version);
    line(
        page,
        "from",
        server
            .bin_dir
            .as_deref()
            .unwrap_or("a server that was not started here"),
    );
    line(page, "profile", &server.record.profile);
    let settings: Vec<String> = server
        .record
        .settings
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let settings = if settings.is_empty() {
        "all at their defaults".to_owned()
    } else {
        settings.join(", ")
    };
    line(page, "settings", &settings);
    if server.record.limitations.is_empty() {
        line(page, "lacks", "nothing");
    }
    for (position, limitation) in server.record.limitations.iter().enumerate() {
        let label = if position == 0 { "lacks" } else { "" };
        line_as(page, label, Role::Warning, &limitation.message);
    }
}

fn machine(page: &mut Page, found: &SelfTest) {
    let machine = &found.machine;
    heading(page, "Machine");
    let model = if machine.model.is_empty() {
        "of an unknown model"
    } else {
        &machine.model
    };
    let kind = match machine.virtual_machine {
        Some(true) => ", of a virtual machine",
        Some(false) => ", of no virtual machine",
        None => "",
    };
    line(
        page,
        "processor",
        &format!("{} × {model}{kind}", Count(machine.cores as u64)),
    );
    if !machine.governors.is_empty() {
        line(
            page,
            "frequency",
            &format!("governor {}", machine.governors.join(", ")),
        );
    }
    let load = machine
        .load_average
        .map_or(UNKNOWN.to_owned(), |load| load.to_string());
    let stolen = machine.stolen.map_or(UNKNOWN.to_owned(), percent);
    line(
        page,
        "load",
        &format!(
            "average {load} when this began; {stolen} of the time taken by the host meanwhile"
        ),
    );
    let bytes =
        |bytes: Option<u64>| bytes.map_or(UNKNOWN.to_owned(), |bytes| Bytes(bytes).to_string());
    line(
        page,
        "memory",
        &format!(
            "{}, of which {} available",
            bytes(machine.memory_bytes),
            bytes(machine.available_bytes)
        ),
    );
}

fn clock(page: &mut Page, clock: &Clock, debug_build: bool) {
    heading(page, "Clock");
    line(page, "source", clock.source.as_deref().unwrap_or(UNKNOWN));
    let unoptimised = if debug_build {
        "; a debug build of this program adds to that"
    } else {
        ""
    };
    line(
        page,
        "reading",
        &format!(
            "{} ns in this program, {} of them below 1 µs{unoptimised}",
            Significant(clock.mean_ns),
            precise_percent(clock.below_1us)
        ),
    );
    line(
        page,
        "TIMING in EXPLAIN",
        &clock.timing_ns_per_row.map_or_else(
            || "cannot be told from the noise of this machine".to_owned(),
            |cost| {
                format!(
                    "{} ns for each row of a node, in the server",
                    Significant(cost)
                )
            },
        ),
    );
    let total = clock.readings.max(1) as f64;
    let (shown, rest): (Vec<ClockClass>, Vec<ClockClass>) =
        clock.histogram.iter().copied().partition(|class| {
            class.below_ns < SHORT_NS || class.readings as f64 / total >= LEAST_SHOWN
        });
    let mut rows: Vec<(String, u64)> = shown
        .iter()
        .map(|class| (nanoseconds(class.below_ns), class.readings))
        .collect();
    if let Some(longest) = rest.last() {
        let readings = rest.iter().map(|class| class.readings).sum();
        rows.push((nanoseconds(longest.below_ns), readings));
    }
    for (position, (bound, readings)) in rows.into_iter().enumerate() {
        let label = if position == 0 { "readings below" } else { "" };
        let share = precise_percent(readings as f64 / total);
        line(
            page,
            label,
            &format!("{bound:>8}  {:>12}  {share:>10}", Count(readings)),
        );
    }
}

fn disk(page: &mut Page, disk: &Disk) {
    heading(page, "Disk");
    if let Some(directory) = &disk.directory {
        line(page, "directory", directory);
    }
    if let Some(free) = disk.free_bytes {
        line(page, "free", &Bytes(free).to_string());
    }
    if let Some(sync) = disk.sync {
        let p95 = sync
            .p95_ms
            .map_or(UNKNOWN.to_owned(), |p95| Milliseconds(p95).to_string());
        line(
            page,
            "8 kB, fdatasync",
            &format!(
                "median {}, p95 {p95}, longest {} of {}",
                Milliseconds(sync.median_ms),
                Milliseconds(sync.max_ms),
                Count(sync.n as u64)
            ),
        );
    }
    if let Some(reason) = &disk.not_measured {
        line_as(page, "not measured", Role::Warning, reason);
    }
}

fn counts(page: &mut Page, found: &SelfTest) {
    let counts = &found.counts;
    let title = format!(
        "Counts on {} copies of {} ({} jobs), {}",
        Count(counts.copies as u64),
        counts.fixture,
        Count(counts.jobs),
        counts.queue
    );
    heading(page, &inert(&title));
    let names: Vec<String> = counts
        .variants
        .iter()
        .map(|one| inert(&format!("{} {}", one.statement, one.variant)))
        .collect();
    let widest = names.iter().map(|name| width(name)).max().unwrap_or(0);
    for (variant, name) in counts.variants.iter().zip(names) {
        let padding = " ".repeat(widest - width(&name));
        let indent = 2 + widest + 2;
        let label = format!("  {name}{padding}");
        let (role, text) = repeated(variant);
        page.labelled(indent, (Role::Quiet, &label), role, &inert(&text));
    }
}

fn repeated(variant: &VariantCounts) -> (Role, String) {
    let counts = &variant.counts;
    if variant.differences.is_empty() {
        let text = format!(
            "the same: shape {}, {}, {}, {} WAL records of {}",
            counts.shape,
            Rows(counts.rows),
            Pages(counts.pages),
            Count(counts.wal_records),
            Bytes(counts.wal_bytes)
        );
        return (Role::Plain, text);
    }
    let differences: Vec<String> = variant
        .differences
        .iter()
        .map(|one| format!("{} {}", one.key, one.values.join(" ")))
        .collect();
    (
        Role::Warning,
        format!("not the same: {}", differences.join("; ")),
    )
}

fn times(page: &mut Page, found: &SelfTest) {
    let times = &found.times;
    let title = format!(
        "Times of {} {}, {} on {} copies, compared with itself",
        times.statement,
        times.variant,
        counted(times.samples, "execution"),
        Count(times.copies as u64),
    );
    heading(page, &inert(&title));
    let milliseconds = |value: Option<f64>| {
        value.map_or(UNKNOWN.to_owned(), |value| Milliseconds(value).to_string())
    };
    let relative = times
        .median_absolute_deviation_ms
        .zip(times.median_ms)
        .filter(|(_, median)| *median > 0.0)
        .map_or(String::new(), |(deviation, median)| {
            format!(" ({})", percent(deviation / median))
        });
    line(page, "median", &milliseconds(times.median_ms));
    line(
        page,
        "spread",
        &format!(
            "median absolute deviation {}{relative}, p95 {} × the median",
            milliseconds(times.median_absolute_deviation_ms),
            times
                .p95_over_median
                .map_or(UNKNOWN.to_owned(), |ratio| Significant(ratio).to_string())
        ),
    );
    let sides = format!("{0} + {0}", times.per_side);
    let interleaved =
        format!("A B A B … of {sides}, rank test and an effect beyond 10 % and 0.1 ms");
    for (label, found, how) in [
        ("false alarms", times.interleaved, interleaved.as_str()),
        (
            "",
            times.in_blocks,
            "the same test, one copy after the other",
        ),
        (
            "",
            times.naive,
            "medians more than 5 % apart, one copy after the other",
        ),
    ] {
        alarms(page, label, found, how);
    }
}

fn alarms(page: &mut Page, label: &str, found: FalseAlarms, how: &str) {
    let of = format!(
        "{} of {}",
        Count(found.alarms as u64),
        Count(found.comparisons as u64)
    );
    let share = found.share().map_or(UNKNOWN.to_owned(), percent);
    let label = format!("  {label:<12}  {of:>12}  {share:>6}");
    page.labelled(width(&label) + 2, (Role::Plain, &label), Role::Plain, how);
}

fn verdict(page: &mut Page, found: &SelfTest) {
    heading(page, "What can be trusted here");
    for Judgement {
        topic,
        trust,
        sentence,
    } in &found.verdict
    {
        let (role, word) = match trust {
            Trust::Yes => (Role::Note, "yes"),
            Trust::Limited => (Role::Warning, "within limits"),
            Trust::No => (Role::Critical, "no"),
            Trust::Unknown => (Role::Warning, "cannot tell"),
        };
        let label = format!("  {:<17}  {word}", topic.name());
        page.labelled(VERDICT_WIDTH, (role, &label), Role::Plain, &inert(sentence));
    }
}

/// Columns before a sentence of the verdict.
const VERDICT_WIDTH: usize = 36;

fn nanoseconds(bound: f64) -> String {
    if bound < 1000.0 {
        format!("{bound} ns")
    } else if bound < 1e6 {
        format!("{} µs", Significant(bound / 1e3))
    } else {
        Milliseconds(bound / 1e6).to_string()
    }
}

fn percent(share: f64) -> String {
    format!("{} %", Significant(share * 100.0))
}

/// Where the last thousandth of a percent is the interesting one.
fn precise_percent(share: f64) -> String {
    format!("{:.4} %", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::environment::Limitation;
    use crate::run::selftest::sample::steady;
    use crate::run::selftest::{Difference, Pgbench, Topic};

    /// A machine with something to say in every place.
    fn troubled() -> SelfTest {
        let mut found = steady();
        found.debug_build = true;
        found.server.bin_dir = None;
        found.server.record.limitations.push(Limitation {
            capability: "pg_prewarm".to_owned(),
            not_comparable: vec!["buffers".to_owned()],
            message: "pg_prewarm is not installed: pages depend on what is in memory".to_owned(),
        });
        found.machine.governors = vec!["powersave".to_owned()];
        found.machine.load_average = None;
        found.clock.timing_ns_per_row = None;
        found.disk.directory = None;
        found.disk.sync = None;
        found.disk.free_bytes = None;
        found.disk.not_measured = Some("the server was not started here".to_owned());
        found.counts.variants[0].differences.push(Difference {
            key: "buffers.total",
            values: ["120", "121", "120", "120", "120"]
                .map(str::to_owned)
                .to_vec(),
        });
        found.pgbench = Pgbench {
            not_measured: Some(
                "there is no pgbench beside the server's binaries or on the PATH".to_owned(),
            ),
            ..Pgbench::default()
        };
        found.times.told_from = None;
        let judge = |topic, trust, sentence: &str| Judgement {
            topic,
            trust,
            sentence: sentence.to_owned(),
        };
        found.verdict = vec![
            judge(
                Topic::Counts,
                Trust::No,
                "buffers.total differ between 5 copies",
            ),
            judge(Topic::InterleavedTimes, Trust::Unknown, "too few"),
            judge(
                Topic::TimesOfRuns,
                Trust::Limited,
                "less than 7 % means nothing",
            ),
            judge(
                Topic::NodeTimes,
                Trust::Yes,
                "TIMING costs\u{1b}[31m little",
            ),
        ];
        found
    }

    fn layout(width: usize, color: bool) -> Layout<'static> {
        Layout {
            width,
            color,
            folder: None,
        }
    }

    #[test]
    fn a_steady_machine() {
        insta::assert_snapshot!(render(&steady(), layout(110, false)));
    }

    #[test]
    fn a_troubled_machine_in_a_narrow_terminal() {
        let text = render(&troubled(), layout(72, false));
        assert!(text.lines().all(|line| width(line) <= 72), "{text}");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn colour_changes_no_text_and_names_are_inert() {
        let plain = render(&troubled(), layout(100, false));
        let coloured = render(&troubled(), layout(100, true));
        assert!(!plain.contains('\u{1b}') && plain.contains("\\u{1b}[31m little"));
        let mut stripped = coloured;
        for code in ["0", "1", "2", "36", "33", "1;31"] {
            stripped = stripped.replace(&format!("\u{1b}[{code}m"), "");
        }
        assert_eq!(stripped, plain);
    }
}
