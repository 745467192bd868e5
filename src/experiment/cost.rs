//! What a command will ask of a server, known before anything is made there: databases, disk, write-ahead log, checkpoints.

use super::selection::Selection;
use crate::definition::{Fixture, Queue};
use crate::explain::turns::rounds;
use crate::fixture::size::{self, EMPTY_DATABASE};
use crate::postgres::database::{CopyStrategy, KEPT_COPIES_BYTES};

/// A fixture built for a queue, and the copies made of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Bytes of the template, about.
    pub bytes: u64,
    /// Bytes that building it takes at its peak, about.
    pub peak_bytes: u64,
    /// Variants, each measured on a copy, and on a second one where its generic plan has another shape.
    pub variants: u64,
    /// Versions of the queue that are measured in turns, each on copies of its own.
    pub versions: u64,
    /// Copies that are looked at, to tell what was done to the fixture.
    pub looked_at: u64,
}

impl Piece {
    /// Copies, where no generic plan takes another one.
    fn least_copies(&self) -> u64 {
        rounds(self.versions) * self.variants + self.looked_at
    }
}

/// Everything that a command makes on a server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Workload {
    /// The fixtures, in the order they are built.
    pub pieces: Vec<Piece>,
    /// What is done besides, and what it leaves behind, a sentence each.
    pub besides: Vec<String>,
}

impl Workload {
    /// A command that makes nothing.
    #[must_use]
    pub fn none() -> Workload {
        Workload::default()
    }

    /// Nothing is made, and yet it is not for nothing.
    #[must_use]
    pub fn besides(sentences: Vec<String>) -> Workload {
        Workload {
            pieces: Vec::new(),
            besides: sentences,
        }
    }

    /// Fixtures that are built and not copied.
    #[must_use]
    pub fn builds(queues: &[Queue], fixture: &Fixture) -> Workload {
        let pieces = queues.iter().map(|queue| piece(queue, fixture, 0));
        Workload {
            pieces: pieces.collect(),
            besides: Vec::new(),
        }
    }

    /// One fixture and so many copies of it, or twice as many.
    #[must_use]
    pub fn copying(queue: &Queue, fixture: &Fixture, copies: u64) -> Workload {
        Workload {
            pieces: vec![piece(queue, fixture, copies)],
            besides: Vec::new(),
        }
    }

    /// Every selected statement on every fixture, each on a copy of its own.
    #[must_use]
    pub fn measuring(queues: &[Queue], fixtures: &[Fixture], selection: &Selection) -> Workload {
        let pairs = fixtures
            .iter()
            .flat_map(|fixture| queues.iter().map(move |queue| (queue, fixture)));
        let pieces = pairs.filter_map(|(queue, fixture)| {
            let variants = selection.subjects(queue, fixture).len() as u64;
            (variants > 0).then(|| piece(queue, fixture, variants))
        });
        Workload {
            pieces: pieces.collect(),
            besides: Vec::new(),
        }
    }

    /// The same of two versions of the queues, which correspond by place: where their tables are equal, one fixture serves both.
    #[must_use]
    pub fn in_turns(
        [first, second]: [&[Queue]; 2],
        fixtures: &[Fixture],
        selection: &Selection,
    ) -> Workload {
        let pairs = fixtures.iter().flat_map(|fixture| {
            let both = first.iter().zip(second);
            both.map(move |(one, other)| (one, other, fixture))
        });
        let variants = |queue, fixture| selection.subjects(queue, fixture).len() as u64;
        let pieces = pairs.flat_map(|(one, other, fixture)| {
            let (few, more) = (variants(one, fixture), variants(other, fixture));
            if fills_the_same_tables(one, other) {
                vec![piece(other, fixture, few + more)]
            } else {
                vec![piece(one, fixture, few), piece(other, fixture, more)]
            }
        });
        let pieces = pieces.map(|piece| Piece {
            versions: 2,
            ..piece
        });
        Workload {
            pieces: pieces.filter(|piece| piece.variants > 0).collect(),
            besides: Vec::new(),
        }
    }
}

fn fills_the_same_tables(one: &Queue, other: &Queue) -> bool {
    one.tables_digest() == other.tables_digest() && one.options == other.options
}

fn piece(queue: &Queue, fixture: &Fixture, variants: u64) -> Piece {
    Piece {
        bytes: size::estimate(Some(queue), fixture),
        peak_bytes: size::estimate_peak(queue, fixture),
        variants,
        versions: 1,
        looked_at: u64::from(fixture.is_disturbed() && variants > 0),
    }
}

/// What the work amounts to; at most, where it is not known beforehand. All bytes are estimates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Fixtures built.
    pub fixtures: u64,
    /// Copies made, at least.
    pub least_copies: u64,
    /// Copies made, at most.
    pub most_copies: u64,
    /// Bytes of all templates together.
    pub template_bytes: u64,
    /// Bytes on disk when it is most.
    pub disk_bytes: u64,
    /// Bytes of write-ahead log, at most.
    pub wal_bytes: u64,
    /// Checkpoints of the whole server that are forced, at most.
    pub checkpoints: u64,
}

impl Cost {
    /// What `workload` costs, with templates copied by `strategy`, on a server whose version is `major`.
    #[must_use]
    pub fn of(workload: &Workload, strategy: CopyStrategy, major: u32, keep: bool) -> Cost {
        let pieces = &workload.pieces;
        let sum = |of: &dyn Fn(&Piece) -> u64| {
            pieces
                .iter()
                .fold(0_u64, |sum, piece| sum.saturating_add(of(piece)))
        };
        let fixtures = pieces.len() as u64;
        let least_copies = sum(&Piece::least_copies);
        let most_copies = least_copies.saturating_mul(2);
        let template_bytes = sum(&|piece| piece.bytes);
        let beside = pieces.iter().map(beside).max().unwrap_or(0);
        let copied = match strategy {
            CopyStrategy::WalLog => {
                sum(&|piece| piece.bytes.saturating_mul(2 * piece.least_copies()))
            }
            CopyStrategy::FileCopy => 0,
        };
        let empty = if major < 15 { 0 } else { EMPTY_DATABASE };
        // Copying files takes one before and one after; dropping a database takes one in any case.
        let dropped = most_copies + if keep { 0 } else { fixtures };
        let by_file = match (strategy, major) {
            (_, ..15) => most_copies + fixtures,
            (CopyStrategy::FileCopy, _) => most_copies,
            (CopyStrategy::WalLog, _) => 0,
        };
        Cost {
            fixtures,
            least_copies,
            most_copies,
            template_bytes,
            disk_bytes: template_bytes.saturating_add(beside),
            wal_bytes: copied
                .saturating_add(template_bytes)
                .saturating_add(fixtures * empty),
            checkpoints: dropped + 2 * by_file,
        }
    }
}

/// What the work amounts to in a schema of one database, where one fixture lies at a time and nothing is copied. Bytes are estimates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SchemaCost {
    /// Fixtures built, one after the other.
    pub fixtures: u64,
    /// Bytes on disk when it is most.
    pub disk_bytes: u64,
    /// Bytes of write-ahead log: rows, their staging tables and indexes, and what is vacuumed after each variant.
    pub wal_bytes: u64,
    /// Bytes of the last fixture, which may be kept.
    pub last_bytes: u64,
}

impl SchemaCost {
    /// What `workload` costs in a schema.
    #[must_use]
    pub fn of(workload: &Workload) -> SchemaCost {
        let pieces = &workload.pieces;
        let written = pieces
            .iter()
            .fold(0_u64, |sum, piece| sum.saturating_add(piece.peak_bytes));
        SchemaCost {
            fixtures: pieces.len() as u64,
            disk_bytes: pieces
                .iter()
                .map(|piece| piece.peak_bytes)
                .max()
                .unwrap_or(0),
            wal_bytes: written,
            last_bytes: pieces.last().map_or(0, |piece| piece.bytes),
        }
    }
}

/// What lies on disk beside the templates: staging tables while one is built, later copies that wait to be dropped together.
fn beside(piece: &Piece) -> u64 {
    let building = piece.peak_bytes.saturating_sub(piece.bytes);
    let in_use = piece.bytes.saturating_mul(piece.versions);
    let copies = KEPT_COPIES_BYTES
        .saturating_add(in_use)
        .min(in_use.saturating_mul(2 * piece.least_copies()));
    building.max(copies)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::Library;

    const MB: u64 = 1_000_000;

    fn workload() -> Workload {
        let piece = |bytes, variants| Piece {
            bytes: bytes * MB,
            peak_bytes: 2 * bytes * MB,
            variants,
            versions: 1,
            looked_at: 0,
        };
        Workload {
            pieces: vec![piece(100, 10), piece(20, 0)],
            besides: Vec::new(),
        }
    }

    #[test]
    fn copies_through_the_log_cost_log() {
        let cost = Cost::of(&workload(), CopyStrategy::WalLog, 15, false);
        assert_eq!(
            (cost.fixtures, cost.least_copies, cost.most_copies),
            (2, 10, 20)
        );
        assert_eq!(
            cost.wal_bytes,
            20 * 100 * MB + 120 * MB + 2 * EMPTY_DATABASE
        );
        assert_eq!(cost.checkpoints, 22);
        assert_eq!(cost.disk_bytes, 120 * MB + KEPT_COPIES_BYTES + 100 * MB);
    }

    #[test]
    fn copies_of_files_cost_checkpoints() {
        let cost = Cost::of(&workload(), CopyStrategy::FileCopy, 15, true);
        assert_eq!(cost.wal_bytes, 120 * MB + 2 * EMPTY_DATABASE);
        assert_eq!(cost.checkpoints, 60);
        let oldest = Cost::of(&workload(), CopyStrategy::FileCopy, 14, false);
        assert_eq!(oldest.checkpoints, 66);
        assert_eq!(oldest.wal_bytes, 120 * MB);
    }

    #[test]
    fn two_versions_in_turns_cost_what_both_take() {
        let library = Library::built_in();
        let fixtures = [library.fixture("heavy-single-queue").expect("reads")];
        let queue = library.queue("status-partial").expect("reads");
        let mut other = queue.clone();
        let selection = Selection::default();
        let of = |first: &Queue, second: &Queue| {
            let queues = [first, second].map(std::slice::from_ref);
            let workload = Workload::in_turns(queues, &fixtures, &selection);
            Cost::of(&workload, CopyStrategy::WalLog, 15, false)
        };
        let one = Workload::measuring(std::slice::from_ref(&queue), &fixtures, &selection);
        let bytes = one.pieces[0].bytes;
        let one = Cost::of(&one, CopyStrategy::WalLog, 15, false);
        let equal = of(&queue, &queue);
        assert_eq!(equal.fixtures, 1, "one template serves both");
        assert_eq!(
            equal.least_copies,
            2 * 2 * one.least_copies,
            "in two rounds"
        );
        assert_eq!(equal.most_copies, 2 * 2 * one.most_copies);
        assert_eq!(
            equal.disk_bytes,
            one.disk_bytes + bytes,
            "two copies in use"
        );

        other.schema.text += "\nalter table job set (fillfactor = 70);\n";
        let differing = of(&queue, &other);
        assert_eq!(differing.fixtures, 2);
        assert_eq!(differing.least_copies, equal.least_copies);
        assert_eq!(differing.disk_bytes, equal.disk_bytes + bytes);
    }

    #[test]
    fn in_a_schema_one_fixture_lies_at_a_time() {
        let expected = SchemaCost {
            fixtures: 2,
            disk_bytes: 200 * MB,
            wal_bytes: 240 * MB,
            last_bytes: 20 * MB,
        };
        assert_eq!(SchemaCost::of(&workload()), expected);
    }

    #[test]
    fn no_number_is_too_large() {
        let huge = Workload {
            pieces: vec![
                Piece {
                    bytes: u64::MAX,
                    peak_bytes: u64::MAX,
                    variants: 3,
                    versions: 2,
                    looked_at: 0,
                };
                2
            ],
            besides: Vec::new(),
        };
        let cost = Cost::of(&huge, CopyStrategy::WalLog, 18, false);
        assert_eq!((cost.wal_bytes, cost.disk_bytes), (u64::MAX, u64::MAX));
    }
}
