//! Who is in the copies of a fixture while they are measured.

use crate::definition::{Fixture, Queue};
use crate::explain::company::{Company, Completed};
use crate::fixture::head;
use crate::run::event::Events;

/// What a fixture has happen in every copy of a queue's tables; none where nothing does.
#[must_use]
pub(super) fn of(queue: &Queue, fixture: &Fixture, events: &Events) -> Option<Company> {
    if fixture.needs_copies().is_empty() {
        return None;
    }
    let snapshot = fixture.ageing.filter(|ageing| ageing.snapshot);
    let behind_snapshot = snapshot.and_then(|ageing| {
        Some(Completed {
            head: head::aged(fixture)?,
            vacuum: ageing.vacuum,
        })
    });
    Some(Company {
        queue: queue.clone(),
        fixture: fixture.name.clone(),
        events: events.clone(),
        behind_snapshot,
        locked: head::locked(fixture),
    })
}
