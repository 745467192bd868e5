//! Counting entries by statement and shape, so that the counts of two parts of a log make those of both: all figures are whole numbers.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::entry::{Body, Entry};
use super::known::{Shape, Statement, Understood};
use super::surroundings;

/// So many flips of a statement are kept from the beginning of the log, and as many from its end.
const FLIPS_KEPT: usize = 10;

/// So many statements and shapes of statements are listed.
pub(super) const MOST_SHAPES: usize = 10_000;

/// A line of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// Which file.
    pub(super) file: usize,
    /// Which line, from 1.
    pub(super) line: u64,
}

/// Calls with their times and pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sums {
    /// Entries.
    pub(super) calls: u64,
    /// Time of all, in microseconds.
    pub(super) microseconds: u64,
    /// Pages of those that have them.
    pub(super) pages: Option<u64>,
}

/// The entries of a statement that have one shape.
#[derive(Debug)]
pub(super) struct ShapeTally {
    /// The shape.
    pub(super) shape: Arc<Shape>,
    /// All of them.
    pub(super) sums: Sums,
    /// The longest, in microseconds.
    pub(super) max_microseconds: u64,
    /// The most pages.
    pub(super) max_pages: Option<u64>,
    /// The first.
    pub(super) first: Place,
    /// The last.
    pub(super) last: Place,
    /// The dearest.
    pub(super) dearest: Dearest,
}

/// The entry with the most pages, and of those the longest, and of those the first.
#[derive(Debug)]
pub(super) struct Dearest {
    /// Pages and microseconds.
    pub(super) cost: (Option<u64>, u64),
    /// Where it is.
    pub(super) place: Place,
    /// Its query and plan.
    pub(super) body: Body<'static>,
}

/// An entry with another shape than the one before it.
#[derive(Clone, Debug)]
pub(super) struct FlipAt {
    /// Where it is.
    pub(super) place: Place,
    /// When it was.
    pub(super) time: Option<String>,
    /// The shape before.
    pub(super) from: Arc<Shape>,
    /// Its shape.
    pub(super) to: Arc<Shape>,
}

/// The first and the last flips of a statement.
#[derive(Debug, Default)]
pub(super) struct Flips {
    /// All, also those not kept.
    pub(super) total: u64,
    first: Vec<FlipAt>,
    last: VecDeque<FlipAt>,
}

/// The entries of a statement.
#[derive(Debug)]
pub(super) struct StatementTally {
    /// The statement.
    pub(super) statement: Arc<Statement>,
    /// By shape, in the order of their first entries.
    pub(super) shapes: Vec<ShapeTally>,
    /// Where it went from one shape to another.
    pub(super) flips: Flips,
    /// Where the first entry is.
    pub(super) first: Place,
    first_time: Option<String>,
    first_shape: Arc<Shape>,
    last_shape: Arc<Shape>,
}

/// The entries of some part of a log.
#[derive(Debug, Default)]
pub(super) struct Tally {
    statements: Vec<StatementTally>,
    places: HashMap<Arc<Statement>, usize>,
    shapes: usize,
    /// Entries of statements and shapes beyond [`MOST_SHAPES`].
    pub(super) unlisted: u64,
}

impl Tally {
    /// The statements, in the order of their first entries.
    pub(super) fn statements(self) -> Vec<StatementTally> {
        self.statements
    }

    /// Counts an entry, the last so far; `line` is counted from the beginning of the part.
    pub(super) fn count(
        &mut self,
        entry: &Entry<'_>,
        understood: Understood,
        microseconds: u64,
        line: u64,
    ) {
        let Understood {
            statement,
            shape,
            pages,
        } = understood;
        let place = Place { file: 0, line };
        let statement = match self.places.get(&statement) {
            Some(at) => self.statements.get_mut(*at),
            None => {
                self.places
                    .insert(Arc::clone(&statement), self.statements.len());
                self.statements.push(StatementTally {
                    statement,
                    shapes: Vec::new(),
                    flips: Flips::default(),
                    first: place,
                    first_time: surroundings::time(entry),
                    first_shape: Arc::clone(&shape),
                    last_shape: Arc::clone(&shape),
                });
                self.statements.last_mut()
            }
        };
        let Some(tally) = statement else {
            return;
        };
        if !same(&tally.last_shape, &shape) {
            let from = std::mem::replace(&mut tally.last_shape, Arc::clone(&shape));
            tally.flips.push(FlipAt {
                place,
                time: surroundings::time(entry),
                from,
                to: Arc::clone(&shape),
            });
        }
        let one = Sums {
            calls: 1,
            microseconds,
            pages,
        };
        tally.count(shape, one, place, &entry.body);
    }

    /// Counts what follows this part: `later`, of a file from the line after `lines` on.
    pub(super) fn append(&mut self, later: Tally, file: usize, lines: u64) {
        self.unlisted = self.unlisted.saturating_add(later.unlisted);
        for mut statement in later.statements {
            statement.move_to(file, lines);
            let at = self.places.get(&statement.statement).copied();
            let room = MOST_SHAPES.saturating_sub(self.shapes);
            match at.and_then(|at| self.statements.get_mut(at)) {
                Some(earlier) => {
                    let before = earlier.shapes.len();
                    self.unlisted = self
                        .unlisted
                        .saturating_add(earlier.append(statement, room));
                    self.shapes += earlier.shapes.len() - before;
                }
                None if room < statement.shapes.len() => {
                    let calls = statement.shapes.iter().map(|shape| shape.sums.calls);
                    self.unlisted = calls.fold(self.unlisted, u64::saturating_add);
                }
                None => {
                    self.shapes += statement.shapes.len();
                    self.places
                        .insert(Arc::clone(&statement.statement), self.statements.len());
                    self.statements.push(statement);
                }
            }
        }
    }
}

/// Whether two are the same shape; as a rule they are the same object.
fn same(one: &Arc<Shape>, other: &Arc<Shape>) -> bool {
    Arc::ptr_eq(one, other) || one.id == other.id
}

impl StatementTally {
    fn find(&mut self, shape: &Arc<Shape>) -> Option<&mut ShapeTally> {
        self.shapes
            .iter_mut()
            .find(|tally| same(&tally.shape, shape))
    }

    fn count(&mut self, shape: Arc<Shape>, one: Sums, place: Place, body: &Body<'_>) {
        let cost = (one.pages, one.microseconds);
        match self.find(&shape) {
            Some(tally) => {
                tally.sums.add(&one);
                tally.max_microseconds = tally.max_microseconds.max(one.microseconds);
                tally.max_pages = tally.max_pages.max(one.pages);
                tally.last = place;
                if cost > tally.dearest.cost {
                    tally.dearest = Dearest::of(cost, place, body);
                }
            }
            None => self.shapes.push(ShapeTally {
                shape,
                sums: one,
                max_microseconds: one.microseconds,
                max_pages: one.pages,
                first: place,
                last: place,
                dearest: Dearest::of(cost, place, body),
            }),
        }
    }

    fn move_to(&mut self, file: usize, lines: u64) {
        let shapes = self
            .shapes
            .iter_mut()
            .flat_map(|shape| [&mut shape.first, &mut shape.last, &mut shape.dearest.place]);
        let flips = self
            .flips
            .first
            .iter_mut()
            .chain(&mut self.flips.last)
            .map(|flip| &mut flip.place);
        for place in shapes.chain(flips).chain([&mut self.first]) {
            place.file = file;
            place.line = place.line.saturating_add(lines);
        }
    }

    /// Counts what follows, with so many shapes more at most; returns the entries left out.
    fn append(&mut self, later: StatementTally, room: usize) -> u64 {
        if !same(&self.last_shape, &later.first_shape) {
            self.flips.push(FlipAt {
                place: later.first,
                time: later.first_time,
                from: Arc::clone(&self.last_shape),
                to: later.first_shape,
            });
        }
        self.flips.append(later.flips);
        self.last_shape = later.last_shape;
        let (mut room, mut left_out) = (room, 0_u64);
        for shape in later.shapes {
            match self.find(&shape.shape) {
                Some(earlier) => earlier.append(shape),
                None if room == 0 => left_out = left_out.saturating_add(shape.sums.calls),
                None => {
                    room -= 1;
                    self.shapes.push(shape);
                }
            }
        }
        left_out
    }

    /// Of all shapes.
    pub(super) fn sums(&self) -> Sums {
        let mut sums = Sums::default();
        self.shapes.iter().for_each(|shape| sums.add(&shape.sums));
        sums
    }
}

impl ShapeTally {
    fn append(&mut self, later: ShapeTally) {
        self.sums.add(&later.sums);
        self.max_microseconds = self.max_microseconds.max(later.max_microseconds);
        self.max_pages = self.max_pages.max(later.max_pages);
        self.last = later.last;
        if later.dearest.cost > self.dearest.cost {
            self.dearest = later.dearest;
        }
    }
}

impl Dearest {
    fn of(cost: (Option<u64>, u64), place: Place, body: &Body<'_>) -> Self {
        let text = body.text.clone().into_owned().into();
        Dearest {
            cost,
            place,
            body: Body {
                text,
                tabbed: body.tabbed,
            },
        }
    }
}

impl Sums {
    fn add(&mut self, more: &Sums) {
        self.calls = self.calls.saturating_add(more.calls);
        self.microseconds = self.microseconds.saturating_add(more.microseconds);
        self.pages = match (self.pages, more.pages) {
            (Some(pages), Some(more)) => Some(pages.saturating_add(more)),
            (pages, more) => pages.or(more),
        };
    }
}

impl Flips {
    fn push(&mut self, flip: FlipAt) {
        self.total = self.total.saturating_add(1);
        if self.first.len() < FLIPS_KEPT {
            self.first.push(flip);
            return;
        }
        if self.last.len() == FLIPS_KEPT {
            self.last.pop_front();
        }
        self.last.push_back(flip);
    }

    fn append(&mut self, later: Flips) {
        let total = self.total.saturating_add(later.total);
        later
            .first
            .into_iter()
            .chain(later.last)
            .for_each(|flip| self.push(flip));
        self.total = total;
    }

    /// Those kept, in order.
    pub(super) fn kept(self) -> impl Iterator<Item = FlipAt> {
        self.first.into_iter().chain(self.last)
    }
}
