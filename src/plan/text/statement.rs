//! Lines about the whole statement: what stands before the topmost node and behind the last one.

use serde_json::{Map, Value};

use super::figures::{self, Figures};
use super::line::{begins_trigger, key_and_value};
use super::property::keep_line;
use crate::plan::statement::{Jit, Plan, Serialization, Trigger};

/// A block of lines about one matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    /// None: lines of the statement itself.
    Statement,
    /// Behind `Planning:`.
    Planning,
    /// Behind `JIT:`.
    Jit,
    /// Behind `Serialization: time=0.009 ms  output=1kB  format=text`.
    Serialization,
}

/// Whether the line is about the statement rather than about a node.
pub(super) fn is_of_statement(line: &str) -> bool {
    let keys = [
        "Execution Time",
        "Execution time",
        "JIT",
        "Planning",
        "Planning Time",
        "Planning time",
        "Query Identifier",
        "Query Parameters",
        "Serialization",
        "Settings",
        "Total runtime",
    ];
    begins_trigger(line) || key_and_value(line).is_some_and(|(key, _)| keys.contains(&key))
}

/// Takes a line of the statement itself; tells which section is open behind it.
pub(super) fn read(plan: &mut Plan, line: &str) -> Section {
    if begins_trigger(line) {
        plan.triggers.extend(trigger(line));
        return Section::Statement;
    }
    let Some((key, value)) = key_and_value(line) else {
        keep_line(&mut plan.extra, line);
        return Section::Statement;
    };
    match key {
        "Planning" => return Section::Planning,
        "JIT" => {
            plan.jit = Some(Jit::default());
            return Section::Jit;
        }
        "Serialization" => {
            plan.serialization = Some(serialization(value));
            return Section::Serialization;
        }
        "Settings" => plan.settings.extend(settings(value)),
        "Planning Time" | "Planning time" => plan.planning.time_ms = milliseconds(value),
        "Execution Time" | "Execution time" | "Total runtime" => {
            plan.execution_ms = milliseconds(value);
        }
        "Query Identifier" => plan.query_identifier = identifier(value),
        _ => {
            plan.extra.insert(key.to_owned(), Value::from(value));
        }
    }
    Section::Statement
}

/// Takes a line of a section.
pub(super) fn read_within(plan: &mut Plan, section: Section, line: &str) {
    let pair = key_and_value(line);
    let figures = pair.and_then(|(key, value)| figures::read(key, value));
    let planning = &mut plan.planning;
    match (section, figures, pair) {
        (Section::Planning, Some(Figures::Buffers(pages)), _) => planning.buffers = Some(pages),
        (Section::Planning, Some(Figures::IoTimes(times)), _) => planning.io_times = Some(times),
        (Section::Planning, _, Some(("Memory", value))) => {
            planning.memory_used_kb = kilobytes(value, "used=");
            planning.memory_allocated_kb = kilobytes(value, "allocated=");
        }
        (Section::Planning, ..) => keep_line(&mut planning.extra, line),
        (Section::Jit, _, pair) => read_jit(plan.jit.get_or_insert_default(), pair, line),
        (Section::Serialization, figures, _) => {
            let serialization = plan.serialization.get_or_insert_default();
            match figures {
                Some(Figures::Buffers(pages)) => serialization.buffers = Some(pages),
                Some(Figures::IoTimes(times)) => serialization.io_times = Some(times),
                _ => keep_line(&mut serialization.extra, line),
            }
        }
        (Section::Statement, ..) => keep_line(&mut plan.extra, line),
    }
}

/// `0.123 ms`.
fn milliseconds(value: &str) -> Option<f64> {
    let number = value.trim_end_matches("ms").trim_end();
    number.parse().ok().filter(|time: &f64| time.is_finite())
}

/// 64 bits, printed with or without a sign.
fn identifier(value: &str) -> Option<i64> {
    let unsigned = || value.parse::<u64>().ok().map(|bits| bits as i64);
    value.parse().ok().or_else(unsigned)
}

/// The number behind a key in `used=10kB  allocated=16kB`.
fn kilobytes(value: &str, key: &str) -> Option<u64> {
    let mut words = value.split_whitespace();
    let number = words.find_map(|word| word.strip_prefix(key))?;
    number.trim_end_matches("kB").parse().ok()
}

/// `Trigger name for constraint key on relation: time=0.123 calls=4`; what is not there is not told.
fn trigger(line: &str) -> Option<Trigger> {
    let (named, figures) = line.strip_prefix("Trigger")?.rsplit_once(": ")?;
    let (named, relation) = match named.rsplit_once(" on ") {
        Some((named, relation)) => (named, Some(relation)),
        None => (named, None),
    };
    let (name, constraint) = match named.split_once(" for constraint ") {
        Some((name, constraint)) => (name, Some(constraint)),
        None => (named, None),
    };
    let figure = |key: &str| {
        let mut words = figures.split_whitespace();
        let number: f64 = words
            .find_map(|word| word.strip_prefix(key))?
            .parse()
            .ok()?;
        number.is_finite().then_some(number)
    };
    let text = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    Some(Trigger {
        name: text(name),
        constraint_name: constraint.and_then(text),
        relation: relation.and_then(text),
        time_ms: figure("time="),
        // The cast saturates.
        calls: figure("calls=").unwrap_or(0.0).round() as u64,
        ..Trigger::default()
    })
}

/// `time=0.009 ms  output=1kB  format=text`, the time only with TIMING.
fn serialization(value: &str) -> Serialization {
    let word = |key: &str| {
        value
            .split_whitespace()
            .find_map(|word| word.strip_prefix(key))
    };
    Serialization {
        time_ms: word("time=").and_then(milliseconds),
        output_volume_kb: kilobytes(value, "output="),
        format: word("format=").map(str::to_owned),
        ..Serialization::default()
    }
}

/// `work_mem = '64kB', search_path = 'a, b'`. Values are printed as they are, quotes in them too: one ends where a quote is followed
/// by the next setting, or by nothing.
fn settings(value: &str) -> Vec<(String, String)> {
    let mut settings = Vec::new();
    let mut rest = value;
    while let Some((name, behind)) = rest.split_once(" = '") {
        let is_name = |name: &str| {
            !name.is_empty()
                && !name.contains(|symbol: char| symbol.is_whitespace() || symbol == '\'')
        };
        let next = behind.match_indices("', ").find(|(at, joint)| {
            let following = behind[at + joint.len()..].split_once(" = '");
            following.is_some_and(|(name, _)| is_name(name))
        });
        let (setting, following) = match next {
            Some((at, joint)) => (&behind[..at], &behind[at + joint.len()..]),
            None => (behind.strip_suffix('\'').unwrap_or(behind), ""),
        };
        settings.push((name.to_owned(), setting.to_owned()));
        rest = following;
    }
    settings
}

fn read_jit(jit: &mut Jit, pair: Option<(&str, &str)>, line: &str) {
    match pair {
        Some(("Functions", number)) if number.parse::<u64>().is_ok() => {
            jit.functions = number.parse().unwrap_or_default();
        }
        Some(("Options", options)) => {
            let options = super::line::items(options);
            let options = options.iter().filter_map(|option| {
                let (name, on) = option.rsplit_once(' ')?;
                Some((name.to_owned(), Value::Bool(on == "true")))
            });
            jit.extra
                .insert("Options".to_owned(), Value::Object(options.collect()));
        }
        Some(("Timing", times)) => {
            let timing = timing(times);
            jit.total_ms = timing.get("Total").and_then(Value::as_f64);
            jit.extra.insert("Timing".to_owned(), Value::Object(timing));
        }
        _ => keep_line(&mut jit.extra, line),
    }
}

/// `Generation 1.2 ms (Deform 0.4 ms), Inlining 0.0 ms, Total 1.3 ms`, as JSON has it: from 17 on generation has parts.
fn timing(times: &str) -> Map<String, Value> {
    let mut timing = Map::new();
    for stage in super::line::items(times) {
        let (stage, part) = match stage.split_once(" (") {
            Some((stage, part)) => (stage, Some(part.trim_end_matches(')'))),
            None => (stage.as_str(), None),
        };
        let Some((name, time)) = named_time(stage) else {
            continue;
        };
        let value = match part.and_then(named_time) {
            Some((part, of_part)) => serde_json::json!({ part: of_part, "Total": time }),
            None => Value::from(time),
        };
        timing.insert(name.to_owned(), value);
    }
    timing
}

/// `Inlining 0.5 ms`.
fn named_time(text: &str) -> Option<(&str, f64)> {
    let (name, time) = text.split_once(' ')?;
    Some((name, milliseconds(time)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn triggers_of_every_wording() {
        let text = |text: &str| Some(text.to_owned());
        for (line, name, constraint, relation, time_ms, calls) in [
            (
                "Trigger a_b: time=1.500 calls=3",
                text("a_b"),
                None,
                None,
                Some(1.5),
                3,
            ),
            (
                "Trigger a on part_1: calls=2",
                text("a"),
                None,
                text("part_1"),
                None,
                2,
            ),
            (
                "Trigger for constraint job_fkey: time=0.100 calls=1",
                None,
                text("job_fkey"),
                None,
                Some(0.1),
                1,
            ),
            (
                "Trigger RI_1 for constraint f on job: time=0.100 calls=1",
                text("RI_1"),
                text("f"),
                text("job"),
                Some(0.1),
                1,
            ),
        ] {
            let expected = Trigger {
                name,
                constraint_name: constraint,
                relation,
                time_ms,
                calls,
                ..Trigger::default()
            };
            assert!(begins_trigger(line));
            assert_eq!(trigger(line), Some(expected), "{line}");
        }
    }

    #[test]
    fn settings_may_hold_quotes_and_commas() {
        let read =
            settings("search_path = '\"$user\", 'x', public', work_mem = '64kB', jit = 'off'");
        let read: Vec<(&str, &str)> = read
            .iter()
            .map(|(name, value)| (&**name, &**value))
            .collect();
        let expected = [
            ("search_path", "\"$user\", 'x', public"),
            ("work_mem", "64kB"),
            ("jit", "off"),
        ];
        assert_eq!(read, expected);
        assert_eq!(settings("cut = 'of"), [("cut".to_owned(), "of".to_owned())]);
    }

    #[test]
    fn jit_and_serialization_and_planning() {
        let mut plan = Plan::default();
        let mut section = Section::Statement;
        for line in [
            "Planning:",
            "Buffers: shared hit=5",
            "Memory: used=10kB  allocated=16kB",
            "Query Identifier: -7904215365482117001",
            "JIT:",
            "Functions: 3",
            "Options: Inlining false, Optimization true",
            "Timing: Generation 1.5 ms (Deform 0.5 ms), Inlining 0.0 ms, Total 2.5 ms",
            "Serialization: time=0.250 ms  output=12kB  format=text",
            "Buffers: shared read=7",
            "Execution Time: 3.125 ms",
        ] {
            if section == Section::Statement || is_of_statement(line) {
                section = read(&mut plan, line);
            } else {
                read_within(&mut plan, section, line);
            }
        }
        assert_eq!(plan.planning.buffers.unwrap().shared.hit, 5);
        assert_eq!(plan.planning.memory_allocated_kb, Some(16));
        assert_eq!(plan.query_identifier, Some(-7_904_215_365_482_117_001));
        let jit = plan.jit.unwrap();
        assert_eq!((jit.functions, jit.total_ms), (3, Some(2.5)));
        assert_eq!(jit.extra["Options"]["Optimization"], true);
        assert_eq!(jit.extra["Timing"]["Generation"]["Deform"], 0.5);
        let serialization = plan.serialization.unwrap();
        assert_eq!(
            (serialization.time_ms, serialization.output_volume_kb),
            (Some(0.25), Some(12))
        );
        assert_eq!(serialization.buffers.unwrap().shared.read, 7);
        assert_eq!(plan.execution_ms, Some(3.125));
    }
}
