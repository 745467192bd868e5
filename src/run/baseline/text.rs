//! A baseline as text: JSON laid out for readable diffs. A plan's node, a finding, a setting, a line of SQL have a line each.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::Formatter;

use super::Baseline;

/// What is spread over lines, by the keys that lead to it; `*` stands for any key and for the items of a list. All the rest stands on
/// one line.
const SPREAD: [&[&str]; 19] = [
    &[],
    &["servers"],
    &["servers", "*"],
    &["servers", "*", "settings"],
    &["servers", "*", "statistics"],
    &["servers", "*", "limitations"],
    &["fixtures"],
    &["queues"],
    &["queues", "*"],
    &["queues", "*", "indexes"],
    &["queues", "*", "statements"],
    &["queues", "*", "statements", "*"],
    &["plans"],
    &["plans", "*"],
    &["plans", "*", "findings"],
    &["plans", "*", "plan"],
    &["failures"],
    &["skipped"],
    &["blocked"],
];

/// The text of a baseline file: the same run gives the same bytes, with a newline at their end.
#[must_use]
pub fn text(baseline: &Baseline) -> String {
    let mut bytes = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, Layout::default());
    baseline
        .serialize(&mut serializer)
        .expect("a baseline is made of structs and string keys: it always serialises");
    bytes.push(b'\n');
    String::from_utf8(bytes).expect("serde_json writes UTF-8")
}

/// Spreads what [`SPREAD`] names and keeps everything else on its line.
#[derive(Default)]
struct Layout {
    /// What is open, outermost first.
    open: Vec<Container>,
    /// The key that is being written, while it is.
    key: Option<String>,
}

/// An object or a list that is being written.
struct Container {
    /// Whether its members have a line each.
    spread: bool,
    /// Whether it has a member.
    filled: bool,
    /// The key of the member that is being written; of a list none.
    key: Option<String>,
}

impl Layout {
    fn open(&mut self) {
        let keys: Vec<&str> = self
            .open
            .iter()
            .map(|container| container.key.as_deref().unwrap_or("*"))
            .collect();
        let leads_here = |path: &&[&str]| {
            let mut pairs = path.iter().zip(&keys);
            path.len() == keys.len() && pairs.all(|(one, key)| *one == "*" || one == key)
        };
        self.open.push(Container {
            spread: SPREAD.iter().any(leads_here),
            filled: false,
            key: None,
        });
    }

    fn close<W: ?Sized + Write>(&mut self, writer: &mut W, bracket: &[u8]) -> io::Result<()> {
        let closed = self.open.pop();
        if closed.is_some_and(|closed| closed.spread && closed.filled) {
            self.new_line(writer)?;
        }
        writer.write_all(bracket)
    }

    fn member<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        let Some(container) = self.open.last_mut() else {
            return Ok(());
        };
        let (spread, first) = (container.spread, !container.filled);
        container.filled = true;
        container.key = None;
        if !first {
            writer.write_all(if spread { b"," } else { b", " })?;
        }
        if spread {
            self.new_line(writer)?;
        }
        Ok(())
    }

    fn new_line<W: ?Sized + Write>(&self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b"\n")?;
        (0..self.open.len()).try_for_each(|_| writer.write_all(b"  "))
    }
}

impl Formatter for Layout {
    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.open();
        writer.write_all(b"{")
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.close(writer, b"}")
    }

    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.open();
        writer.write_all(b"[")
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.close(writer, b"]")
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, _: bool) -> io::Result<()> {
        self.member(writer)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, _: bool) -> io::Result<()> {
        self.member(writer)?;
        self.key = Some(String::new());
        Ok(())
    }

    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        if let Some(key) = &mut self.key {
            key.push_str(fragment);
        }
        writer.write_all(fragment.as_bytes())
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        let key = self.key.take();
        if let Some(container) = self.open.last_mut() {
            container.key = key;
        }
        writer.write_all(b": ")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::plan::OutlineNode;
    use crate::run::sample;

    fn baseline() -> Baseline {
        let mut run = sample::run();
        // The first of each queue is enough for a test to be read.
        run.results.truncate(2);
        run.results[1].findings = sample::run().results[4].findings.clone();
        let mut made = Baseline::of(&run, |result| {
            vec![
                OutlineNode {
                    node: "Update".to_owned(),
                    relation: "job".to_owned(),
                    rows: result.rows,
                    ..OutlineNode::default()
                },
                OutlineNode {
                    depth: 1,
                    node: "Index Scan job_pkey".to_owned(),
                    conditions: vec!["Index Cond: (id = $0)".to_owned()],
                    pages: 7,
                    ..OutlineNode::default()
                },
            ]
        });
        let statements = &mut made.queues.get_mut("status-partial").unwrap().statements;
        statements.insert(
            "fetch".to_owned(),
            vec!["select id".to_owned(), "from job".to_owned()],
        );
        made
    }

    /// What the file keeps of it.
    fn without_samples(mut baseline: Baseline) -> Baseline {
        baseline.interleaved_with = None;
        for plan in &mut baseline.plans {
            plan.execution_ms.clear();
        }
        baseline
    }

    #[test]
    fn what_may_change_has_a_line_of_its_own() {
        insta::assert_snapshot!(text(&baseline()));
    }

    #[test]
    fn what_is_written_is_read_back() {
        let whole = without_samples(Baseline::of(&sample::run(), |_| Vec::new()));
        for baseline in [without_samples(baseline()), whole] {
            let text = text(&baseline);
            assert_eq!(serde_json::from_str::<Baseline>(&text).unwrap(), baseline);
            assert_eq!(super::text(&serde_json::from_str(&text).unwrap()), text);
        }
    }

    proptest! {
        #[test]
        fn any_name_and_text_is_read_back(key in any::<String>(), lines in proptest::collection::vec(any::<String>(), 0..4)) {
            let mut baseline = without_samples(baseline());
            let mut queue = baseline.queues["status-partial"].clone();
            queue.indexes.insert(key.clone(), lines.concat());
            queue.statements = BTreeMap::from([(key.clone(), lines)]);
            baseline.queues.insert(key.clone(), queue);
            baseline.plans[0].variant = key;
            prop_assert_eq!(serde_json::from_str::<Baseline>(&text(&baseline)).unwrap(), baseline);
        }
    }
}
