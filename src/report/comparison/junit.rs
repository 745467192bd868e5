//! A comparison as JUnit XML, for what shows test results: a test suite a queue, fixture and server, a test case a plan.
//!
//! What regressed is a failure. What could not be judged is an error: the check did not come to a result, and a test that is skipped
//! would pass unseen. What only the first run has is skipped, what only the second has passes: there is nothing to judge it by. The
//! time of a test case is the median execution time in the second run.

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};

use super::nodes::{LEGEND, tree};
use super::words::verdict_name;
use crate::report::naming::position_or_push;
use crate::report::text::inert;
use crate::run::comparison::{ComparedPlan, Comparison, QueueChange, Verdict};

/// Columns of a tree of nodes: it is read on a web page that shows it as it is.
const COLUMNS: usize = 120;

/// Lines of a tree of nodes.
const TREE_LINES: usize = 60;

/// Name of what the test suites are of.
const NAME: &str = "pgq-analyze compare";

/// Prints a comparison as XML.
pub(super) fn render(comparison: &Comparison) -> String {
    let mut document = Document {
        writer: Writer::new_with_indent(Vec::new(), b' ', 2),
        changes: &comparison.changes,
    };
    document.write(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)));
    let all: Vec<&ComparedPlan> = comparison.plans.iter().collect();
    let mut suites: Vec<[&str; 3]> = Vec::new();
    let mut members: Vec<Vec<&ComparedPlan>> = Vec::new();
    for plan in &all {
        let suite = position_or_push(&mut suites, [&plan.queue, &plan.fixture, &plan.postgres]);
        members.resize_with(suites.len(), Vec::new);
        members[suite].push(plan);
    }
    let mut servers: Vec<&str> = suites.iter().map(|[.., postgres]| *postgres).collect();
    servers.sort_unstable();
    servers.dedup();
    document.open("testsuites", &totals(NAME.to_owned(), &all));
    for ([queue, fixture, postgres], plans) in suites.iter().zip(members) {
        let name = format!("{queue} on {fixture} (PostgreSQL {postgres})");
        document.open("testsuite", &totals(name, &plans));
        for plan in plans {
            document.case(plan, servers.len() > 1);
        }
        document.close("testsuite");
    }
    document.close("testsuites");
    document.text()
}

/// An attribute: name and value.
type Attribute = (&'static str, String);

/// Name and numbers of a suite, or of all of them.
fn totals(name: String, plans: &[&ComparedPlan]) -> Vec<Attribute> {
    let count = |verdict| plans.iter().filter(|plan| plan.verdict == verdict).count();
    let milliseconds: f64 = plans.iter().filter_map(|plan| median(plan)).sum();
    vec![
        ("name", name),
        ("tests", plans.len().to_string()),
        ("failures", count(Verdict::Regressed).to_string()),
        ("errors", count(Verdict::Inconclusive).to_string()),
        ("skipped", count(Verdict::Vanished).to_string()),
        ("time", seconds(milliseconds)),
    ]
}

fn median(plan: &ComparedPlan) -> Option<f64> {
    let times = plan.times.as_ref()?;
    times.second_p50.is_finite().then_some(times.second_p50)
}

fn seconds(milliseconds: f64) -> String {
    format!("{:.6}", milliseconds / 1e3)
}

/// XML being written.
struct Document<'c> {
    writer: Writer<Vec<u8>>,
    changes: &'c [QueueChange],
}

impl Document<'_> {
    /// Writing into memory does not fail.
    fn write(&mut self, event: Event<'_>) {
        let _ = self.writer.write_event(event);
    }

    fn open(&mut self, element: &str, attributes: &[Attribute]) {
        self.write(Event::Start(start(element, attributes)));
    }

    fn close(&mut self, element: &str) {
        self.write(Event::End(BytesEnd::new(element)));
    }

    /// One plan.
    fn case(&mut self, plan: &ComparedPlan, several_servers: bool) {
        let server = if several_servers {
            format!(" (PostgreSQL {})", plan.postgres)
        } else {
            String::new()
        };
        let mode = plan.plan_mode.name();
        let mut attributes = vec![
            ("classname", format!("{}.{}", plan.queue, plan.fixture)),
            (
                "name",
                format!("{} {} {mode}{server}", plan.statement, plan.variant),
            ),
        ];
        attributes.extend(median(plan).map(|time| ("time", seconds(time))));
        let reasons: Vec<&str> = plan
            .reasons
            .iter()
            .map(|reason| reason.message.as_str())
            .collect();
        let outcome = match plan.verdict {
            Verdict::Regressed => Some("failure"),
            Verdict::Inconclusive => Some("error"),
            Verdict::Vanished => Some("skipped"),
            Verdict::Improved | Verdict::Appeared | Verdict::Unchanged if !reasons.is_empty() => {
                Some("system-out")
            }
            Verdict::Improved | Verdict::Appeared | Verdict::Unchanged => None,
        };
        let Some(outcome) = outcome else {
            self.write(Event::Empty(start("testcase", &attributes)));
            return;
        };
        self.open("testcase", &attributes);
        let mut message = reasons.join("; ");
        if message.is_empty() {
            message = verdict_name(plan.verdict).to_owned();
        }
        match outcome {
            "skipped" => {
                let message = ("message", format!("only in the first run: {message}"));
                self.write(Event::Empty(start(outcome, &[message])));
            }
            "system-out" => {
                self.open(outcome, &[]);
                self.lines(&[message]);
                self.close(outcome);
            }
            _ => {
                let kind = ("type", verdict_name(plan.verdict).to_owned());
                self.open(outcome, &[("message", message), kind]);
                self.lines(&body(plan, self.changes));
                self.close(outcome);
            }
        }
        self.close("testcase");
    }

    fn lines(&mut self, lines: &[String]) {
        let lines: Vec<String> = lines.iter().map(|line| allowed(line)).collect();
        self.write(Event::Text(BytesText::new(&lines.join("\n"))));
    }

    fn text(self) -> String {
        let text = String::from_utf8_lossy(&self.writer.into_inner()).into_owned();
        text + "\n"
    }
}

fn start<'a>(element: &'a str, attributes: &[Attribute]) -> BytesStart<'a> {
    let mut start = BytesStart::new(element);
    for (name, value) in attributes {
        start.push_attribute((*name, allowed(value).as_str()));
    }
    start
}

/// `text` in one line without the characters that XML has no way to write.
fn allowed(text: &str) -> String {
    inert(text).replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}")
}

/// Everything there is to say of a plan, in lines.
fn body(plan: &ComparedPlan, changes: &[QueueChange]) -> Vec<String> {
    let reasons = plan.reasons.iter().map(|reason| reason.message.clone());
    let mut lines: Vec<String> = reasons.collect();
    for finding in &plan.findings_came {
        if !lines.iter().any(|line| line.contains(&finding.message)) {
            lines.push(format!("new finding {}: {}", finding.rule, finding.message));
        }
        lines.extend(finding.help.lines().map(|line| format!("  {line}")));
    }
    lines.extend(in_files(plan, changes));
    if let (Some(first), Some(second)) = (&plan.first, &plan.second)
        && first.digest != second.digest
    {
        lines.push(format!("before: {}", first.digest));
        lines.push(format!("after: {}", second.digest));
    }
    let tree = tree(&plan.nodes, COLUMNS, TREE_LINES);
    if !tree.is_empty() {
        lines.push(String::new());
        lines.extend(tree.into_iter().map(|(_, line)| line));
        lines.push(LEGEND.to_owned());
    }
    lines
}

/// What changed in the queue's files that may be the cause.
fn in_files(plan: &ComparedPlan, changes: &[QueueChange]) -> Vec<String> {
    let mut lines = Vec::new();
    for change in changes.iter().filter(|change| change.queue == plan.queue) {
        lines.extend(
            change
                .indexes_gone
                .iter()
                .map(|index| format!("index gone: {index}")),
        );
        lines.extend(
            change
                .indexes_new
                .iter()
                .map(|index| format!("index new: {index}")),
        );
        let mut statements = change.statements.iter();
        let own = statements.find(|statement| statement.statement == plan.statement);
        let words = own.into_iter().flat_map(|statement| &statement.words);
        lines.extend(words.map(|words| format!("in the statement: {words}")));
    }
    lines
}
