//! Which statements and variants of a queue are measured on a fixture.

use glob::Pattern;

use crate::definition::{Fixture, Operation, Queue};
use crate::explain::variant::Subject;
use crate::run::environment::SelectionRecord;

/// What is measured unless something else is asked for: the statements every worker runs all the time.
pub const DEFAULT_OPERATIONS: &[Operation] = &[Operation::Fetch, Operation::Complete];

/// What the user wants to see measured.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Operations; empty means [`DEFAULT_OPERATIONS`].
    pub operations: Vec<Operation>,
    /// Patterns of variant names; empty means what the fixture is about, or all.
    pub variants: Vec<Pattern>,
}

impl Selection {
    /// The subjects of one queue on one fixture: by operation, then file, then variant as the file lists them, then statement. None of a
    /// queue without the options that the fixture sets.
    #[must_use]
    pub fn subjects<'d>(&self, queue: &'d Queue, fixture: &Fixture) -> Vec<Subject<'d>> {
        let mut subjects = Vec::new();
        if !fixture.is_about(queue) {
            return subjects;
        }
        for operation in self.operations_on(fixture) {
            for file in queue.statements_of(operation) {
                for variant in file
                    .variants
                    .iter()
                    .filter(|variant| self.takes(&variant.name, fixture))
                {
                    subjects.extend(file.statements.iter().map(|statement| Subject {
                        queue,
                        file,
                        statement,
                        variant,
                    }));
                }
            }
        }
        subjects
    }

    /// Some that were asked for, else what the fixture is about; so it is as well where all were asked for.
    fn operations_on(&self, fixture: &Fixture) -> Vec<Operation> {
        let some = 1..Operation::ALL.len();
        match &fixture.measure.operations {
            Some(about) if !some.contains(&self.operations.len()) => in_order(about),
            _ => self.operations(),
        }
    }

    /// What was asked for; else what every worker runs.
    fn operations(&self) -> Vec<Operation> {
        if self.operations.is_empty() {
            in_order(DEFAULT_OPERATIONS)
        } else {
            in_order(&self.operations)
        }
    }

    /// What a run records of it.
    #[must_use]
    pub fn record(&self) -> SelectionRecord {
        let patterns = self.variants.iter();
        SelectionRecord {
            operations: self
                .operations()
                .iter()
                .map(|operation| operation.name().to_owned())
                .collect(),
            variants: patterns
                .map(|pattern| pattern.as_str().to_owned())
                .collect(),
        }
    }

    /// A pattern the user gave wins over what the fixture is about.
    fn takes(&self, variant: &str, fixture: &Fixture) -> bool {
        if !self.variants.is_empty() {
            return self.variants.iter().any(|pattern| pattern.matches(variant));
        }
        fixture
            .measure
            .variants
            .as_ref()
            .is_none_or(|names| names.iter().any(|name| name == variant))
    }
}

/// In the order they are measured, whatever order they were asked for in.
fn in_order(operations: &[Operation]) -> Vec<Operation> {
    let every = Operation::ALL.into_iter();
    every.filter(|one| operations.contains(one)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::Library;

    /// Operation, statement and variant of what is selected of `status-partial` on a fixture that is about `measured`.
    fn selected(
        operations: &[Operation],
        patterns: &[&str],
        measured: Option<&[&str]>,
    ) -> Vec<String> {
        let library = Library::built_in();
        let queue = library.queue("status-partial").expect("reads");
        let mut fixture = library.fixture("heavy-single-queue").expect("reads");
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        fixture.measure.variants = measured.map(names);
        let pattern = |text: &&str| Pattern::new(text).expect("a pattern");
        let selection = Selection {
            operations: operations.to_vec(),
            variants: patterns.iter().map(pattern).collect(),
        };
        let name = |subject: &Subject<'_>| {
            let operation = subject.file.operation.name();
            format!(
                "{operation} {} {}",
                subject.statement_name(),
                subject.variant.name
            )
        };
        selection
            .subjects(&queue, &fixture)
            .iter()
            .map(name)
            .collect()
    }

    #[test]
    fn without_a_word_it_is_fetch_and_complete() {
        let all = selected(&[], &[], None);
        let starts: Vec<&str> = all.iter().filter_map(|one| one.split(' ').next()).collect();
        assert!(starts.contains(&"fetch") && starts.contains(&"complete"));
        assert!(
            starts
                .iter()
                .all(|one| matches!(*one, "fetch" | "complete"))
        );
        // As the file lists them, not by the alphabet.
        assert_eq!(
            all[..3],
            [
                "fetch fetch batch-1",
                "fetch fetch batch-10",
                "fetch fetch batch-100"
            ]
        );
    }

    #[test]
    fn operations_come_in_their_own_order() {
        let asked = [Operation::Release, Operation::Fetch];
        let both = selected(&asked, &["batch-10", "released-10"], None);
        assert_eq!(
            both,
            [
                "fetch fetch batch-10",
                "fetch fetch-cte batch-10",
                "release release released-10"
            ]
        );
    }

    #[test]
    fn a_run_records_what_was_asked_for() {
        let selection = Selection {
            operations: vec![Operation::Release, Operation::Fetch],
            variants: vec![Pattern::new("batch-1*").expect("a pattern")],
        };
        let record = selection.record();
        assert_eq!(record.operations, ["fetch", "release"]);
        assert_eq!(record.variants, ["batch-1*"]);
        assert_eq!(
            Selection::default().record().operations,
            ["fetch", "complete"]
        );
    }

    #[test]
    fn every_statement_of_a_file_is_a_subject() {
        let mixed = selected(&[Operation::Complete], &["mixed-10"], None);
        assert_eq!(
            mixed,
            ["completed", "failed", "released"]
                .map(|name| format!("complete complete-mixed/{name} mixed-10"))
        );
    }

    #[test]
    fn a_pattern_wins_over_what_the_fixture_is_about() {
        let about: Option<&[&str]> = Some(&["batch-10", "completed-1"]);
        let by_fixture = selected(&[], &[], about);
        assert!(!by_fixture.is_empty());
        assert!(
            by_fixture
                .iter()
                .all(|one| one.ends_with(" batch-10") || one.ends_with(" completed-1"))
        );
        let by_pattern = selected(&[], &["batch-100*"], about);
        let of_fetch = by_pattern
            .iter()
            .filter(|one| one.starts_with("fetch fetch "));
        assert_eq!(
            of_fetch.count(),
            4,
            "100 and 1000, each also filtered: {by_pattern:?}"
        );
        assert_eq!(selected(&[], &["no-such-variant"], about), [""; 0]);
    }

    #[test]
    fn a_fixture_may_be_about_operations_and_options() {
        let library = Library::built_in();
        let queue = library.queue("status-partial").expect("reads");
        let mut fixture = library.fixture("heavy-single-queue").expect("reads");
        fixture.measure.operations = Some(vec![Operation::Inspect, Operation::Enqueue]);
        let asked = |operations: &[Operation], fixture: &Fixture| -> Vec<Operation> {
            let selection = Selection {
                operations: operations.to_vec(),
                variants: Vec::new(),
            };
            let subjects = selection.subjects(&queue, fixture);
            let mut operations: Vec<Operation> =
                subjects.iter().map(|one| one.file.operation).collect();
            operations.dedup();
            operations
        };
        let about = [Operation::Enqueue, Operation::Inspect];
        assert_eq!(asked(&[], &fixture), about);
        assert_eq!(
            asked(&Operation::ALL, &fixture),
            about,
            "all there is to it"
        );
        assert_eq!(asked(&[Operation::Fetch], &fixture), [Operation::Fetch]);
        fixture.options.insert(
            "unheard_of".to_owned(),
            crate::definition::option::OptionValue::Integer(1),
        );
        assert_eq!(asked(&[], &fixture), []);
    }
}
