//! Which statements and variants of a queue are measured on a fixture.

use glob::Pattern;

use crate::definition::{Fixture, Operation, Queue};
use crate::explain::variant::Subject;

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
    /// The subjects of one queue on one fixture: by operation, then file, then variant as the file lists them, then statement.
    #[must_use]
    pub fn subjects<'d>(&self, queue: &'d Queue, fixture: &Fixture) -> Vec<Subject<'d>> {
        let operations = if self.operations.is_empty() {
            DEFAULT_OPERATIONS
        } else {
            &self.operations
        };
        let mut subjects = Vec::new();
        for operation in Operation::ALL
            .into_iter()
            .filter(|operation| operations.contains(operation))
        {
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
