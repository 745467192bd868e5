//! The board: what coordinator and workers count and tell each other, in memory that worker processes share.
//!
//! A worker that is killed loses no count: what it had written is there. The layout is the header, the control block, one block of
//! counters a worker and one byte a job:
//!
//! ```text
//! Header │ Control │ Counters of worker 0 │ Counters of worker 1 │ … │ a cell a job
//! ```

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::mem::size_of;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use memmap2::{MmapMut, MmapRaw};

use super::ledger::{Ledger, Trouble};

mod control;
mod counters;

pub use control::{Control, Phase};
pub use counters::{Counter, Counters};

/// How much a board has room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Number of workers, in all processes.
    pub workers: usize,
    /// Jobs of the fixture, in whatever state; their seq is 1 to this.
    pub jobs: u64,
}

/// What tells a board from other files, and from boards of other versions of this program.
#[repr(C, align(128))]
struct Header {
    magic: AtomicU64,
    version: AtomicU64,
    workers: AtomicU64,
    jobs: AtomicU64,
}

const MAGIC: u64 = u64::from_le_bytes(*b"pgqboard");

/// The program's version and the sizes of the blocks: what has to be equal where two processes share a board.
fn version() -> u64 {
    let sizes = [size_of::<Control>() as u64, size_of::<Counters>() as u64];
    let bytes = env!("CARGO_PKG_VERSION").bytes().map(u64::from);
    // FNV-1a.
    bytes
        .chain(sizes)
        .fold(0xcbf2_9ce4_8422_2325, |hash, value| {
            (hash ^ value).wrapping_mul(0x0000_0100_0000_01b3)
        })
}

impl Shape {
    fn counters_at(self) -> usize {
        size_of::<Header>() + size_of::<Control>()
    }

    fn cells_at(self) -> Option<usize> {
        self.workers
            .checked_mul(size_of::<Counters>())?
            .checked_add(self.counters_at())
    }

    /// Bytes of the whole board.
    fn bytes(self) -> io::Result<usize> {
        let jobs = usize::try_from(self.jobs).ok();
        jobs.and_then(|jobs| self.cells_at()?.checked_add(jobs))
            .filter(|bytes| isize::try_from(*bytes).is_ok())
            .ok_or_else(|| io::Error::from(io::ErrorKind::OutOfMemory))
    }
}

/// What coordinator and workers share.
#[derive(Debug)]
pub struct Board {
    memory: MmapRaw,
    shape: Shape,
    process: u8,
    trouble: Mutex<Trouble>,
}

impl Board {
    /// A board for threads of this process.
    ///
    /// # Errors
    /// Where the system has not that much memory.
    pub fn anonymous(shape: Shape) -> io::Result<Board> {
        let memory = MmapMut::map_anon(shape.bytes()?)?;
        Ok(Board::over(memory.into(), shape, 0).begun())
    }

    /// A board in a new file that only this user may read, for worker processes to open. Whoever creates it removes the file.
    ///
    /// # Errors
    /// Where the file is there already or cannot be written; a full disk is told here, not when a worker counts.
    pub fn create(path: &Path, shape: Shape) -> io::Result<Board> {
        let bytes = shape.bytes()?;
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        // Written, not only made long: a page that the disk has no room for would end the process that touches it first.
        let made = io::copy(&mut io::repeat(0).take(bytes as u64), &mut file)
            .and_then(|_| MmapRaw::map_raw(&file));
        if made.is_err() {
            // The first error is the one to report.
            let _ = std::fs::remove_file(path);
        }
        Ok(Board::over(made?, shape, 0).begun())
    }

    /// The board in a file that another process created; `process` is the number of this worker process, from 1.
    ///
    /// # Errors
    /// Where the file cannot be read, is no board, or is one of another version of this program.
    pub fn open(path: &Path, process: u64) -> io::Result<Board> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let refused = |reason: &str| {
            let message = format!("{} is {reason}", path.display());
            Err(io::Error::new(io::ErrorKind::InvalidData, message))
        };
        let length = file.metadata()?.len();
        if length < (size_of::<Header>() + size_of::<Control>()) as u64 {
            return refused("no board of pgq-analyze");
        }
        let shape = match read_header(&file)? {
            [MAGIC, found, workers, jobs] if found == version() => Shape {
                workers: usize::try_from(workers).unwrap_or(usize::MAX),
                jobs,
            },
            [MAGIC, ..] => return refused("a board of another version of pgq-analyze"),
            _ => return refused("no board of pgq-analyze"),
        };
        if shape.bytes()? as u64 != length {
            return refused("a board that was cut off");
        }
        Ok(Board::over(MmapRaw::map_raw(&file)?, shape, process))
    }

    fn over(memory: MmapRaw, shape: Shape, process: u64) -> Board {
        Board {
            memory,
            shape,
            process: super::ledger::holder(process),
            trouble: Mutex::default(),
        }
    }

    /// With its header written.
    fn begun(self) -> Board {
        // SAFETY: as in `block`; the header stands first.
        let header: &Header = unsafe { self.block(0) };
        header
            .workers
            .store(self.shape.workers as u64, Ordering::Relaxed);
        header.jobs.store(self.shape.jobs, Ordering::Relaxed);
        header.version.store(version(), Ordering::Relaxed);
        header.magic.store(MAGIC, Ordering::Release);
        self
    }

    /// The block that begins at `offset`.
    ///
    /// # Safety
    /// A `T` has to begin there and lie within the memory, and has to be made of atomics alone: other processes write it, and any bytes
    /// are a value of it. The memory begins at a page and every block is a multiple of its alignment, so it is aligned.
    unsafe fn block<T>(&self, offset: usize) -> &T {
        unsafe { &*self.memory.as_mut_ptr().add(offset).cast::<T>() }
    }

    /// How much it has room for.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// What coordinator and workers tell each other.
    #[must_use]
    pub fn control(&self) -> &Control {
        // SAFETY: the control block follows the header, and is made of atomics.
        unsafe { self.block(size_of::<Header>()) }
    }

    /// What the worker with this index, from 0, counts.
    ///
    /// # Panics
    /// Where the board has fewer workers.
    #[must_use]
    pub fn worker(&self, index: usize) -> &Counters {
        assert!(
            index < self.shape.workers,
            "worker {index} of {}",
            self.shape.workers
        );
        // SAFETY: there are as many blocks of counters as workers, made of atomics, and `index` is one of them.
        unsafe { self.block(self.shape.counters_at() + index * size_of::<Counters>()) }
    }

    /// How far the run is for one worker, and by when it has to be done with what it holds: it may be asked to leave before the others.
    #[must_use]
    pub fn phase_of(&self, index: usize) -> (Phase, u64) {
        let (phase, stop_by_ns) = (self.control().phase(), self.control().stop_by_ns());
        match self.worker(index).leave_by_ns.get() {
            leave_by_ns if leave_by_ns > 0 && phase < Phase::Stopping => {
                (Phase::Stopping, leave_by_ns)
            }
            _ => (phase, stop_by_ns),
        }
    }

    /// What all workers count, in order.
    pub fn workers(&self) -> impl Iterator<Item = &Counters> {
        (0..self.shape.workers).map(|index| self.worker(index))
    }

    /// The ledger of every job.
    #[must_use]
    pub fn ledger(&self) -> Ledger<'_> {
        let cells_at = self.memory.len() - self.shape.jobs as usize;
        // SAFETY: the last bytes of the memory, one a job, are the cells; an AtomicU8 is a byte of any value.
        let cells = unsafe {
            std::slice::from_raw_parts(
                self.memory.as_mut_ptr().add(cells_at).cast::<AtomicU8>(),
                self.shape.jobs as usize,
            )
        };
        Ledger::new(cells, self.control(), self.process, &self.trouble)
    }
}

fn read_header(mut file: &File) -> io::Result<[u64; 4]> {
    let mut bytes = [0; 32];
    file.read_exact(&mut bytes)?;
    let number = |at: usize| {
        let mut word = [0; 8];
        word.copy_from_slice(&bytes[at..at + 8]);
        u64::from_ne_bytes(word)
    };
    Ok([number(0), number(8), number(16), number(24)])
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{ErrorKind, Seek, SeekFrom, Write};
    use std::os::unix::fs::PermissionsExt;

    use super::{Board, Phase, Shape};

    const SHAPE: Shape = Shape {
        workers: 3,
        jobs: 1001,
    };

    #[test]
    fn two_openings_of_a_file_see_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("board");
        let board = Board::create(&path, SHAPE).unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        let other = Board::open(&path, 1).unwrap();
        assert_eq!(other.shape(), SHAPE);
        board.control().go(1, 2);
        assert_eq!(other.control().phase(), Phase::Running);
        for index in 0..3 {
            other.worker(index).completed.add(index as u64 + 1);
        }
        let counted: Vec<u64> = board
            .workers()
            .map(|counters| counters.completed.get())
            .collect();
        assert_eq!(counted, [1, 2, 3]);
        board.ledger().expect(1001);
        other.ledger().delivered(Some(1001), true);
        other.ledger().completed(1001);
        assert_eq!(board.ledger().count(true).done, 1);
    }

    #[test]
    fn a_worker_may_be_asked_to_leave_before_the_others() {
        let board = Board::anonymous(SHAPE).unwrap();
        board.control().go(1, 2);
        board.worker(1).leave_by_ns.set(7);
        assert_eq!(board.phase_of(0), (Phase::Running, 0));
        assert_eq!(board.phase_of(1), (Phase::Stopping, 7));
        board.control().stop(9);
        assert_eq!(board.phase_of(0), (Phase::Stopping, 9));
        assert_eq!(board.phase_of(1), (Phase::Stopping, 9));
    }

    #[test]
    fn workers_share_no_cache_line_and_jobs_take_a_byte() {
        let board = Board::anonymous(SHAPE).unwrap();
        for index in 0..3 {
            assert_eq!(std::ptr::from_ref(board.worker(index)) as usize % 128, 0);
        }
        let bytes = |jobs| Shape { workers: 3, jobs }.bytes().unwrap();
        assert_eq!(bytes(1_000_000) - bytes(0), 1_000_000);
        assert!(
            Shape {
                workers: 1,
                jobs: u64::MAX
            }
            .bytes()
            .is_err()
        );
    }

    #[test]
    fn what_is_no_board_of_this_version_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("board");
        fs::write(&path, [7; 4096]).unwrap();
        let refused = |path| {
            let error = Board::open(path, 1).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidData);
            error.to_string()
        };
        assert!(refused(&path).ends_with("is no board of pgq-analyze"));
        assert_eq!(
            Board::create(&path, SHAPE).unwrap_err().kind(),
            ErrorKind::AlreadyExists
        );
        fs::remove_file(&path).unwrap();
        drop(Board::create(&path, SHAPE).unwrap());
        let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
        let length = file.metadata().unwrap().len();
        file.set_len(length - 1).unwrap();
        assert!(refused(&path).ends_with("was cut off"));
        file.set_len(length).unwrap();
        (&file).seek(SeekFrom::Start(8)).unwrap();
        (&file).write_all(&[0; 8]).unwrap();
        assert!(refused(&path).contains("another version"));
    }
}
