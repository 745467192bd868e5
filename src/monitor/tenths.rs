//! Cost per job in each tenth of the jobs, from counters that were read now and then while workers ran.

use crate::run::throughput::Tenth;

/// The shortest tenth that can be told: a session tells the server what it did once a second at most.
pub const SHORTEST_S: f64 = 2.0;

/// How long what a session did is on average unknown to others: half of the second that it waits at least before it tells again.
const LAG_NS: f64 = 0.5e9;

/// Counters at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Point {
    /// When, in nanoseconds on the clock that the run is timed with.
    pub at_ns: u64,
    /// Jobs completed so far.
    pub completed: u64,
    /// Pages that others knew of.
    pub pages: u64,
    /// WAL written, as a position in bytes.
    pub wal_bytes: u64,
}

/// The tenths between the start of execution and its end, in order. What lies outside of that is left out. None where one of them took
/// less than [`SHORTEST_S`].
#[must_use]
pub fn tenths(start: Point, points: &[Point], end: Point) -> Option<Vec<Tenth>> {
    let jobs = end.completed.saturating_sub(start.completed);
    if jobs < 10 {
        return None;
    }
    let within = |point: &&Point| {
        point.at_ns > start.at_ns && point.at_ns < end.at_ns && point.completed <= end.completed
    };
    let all: Vec<Point> = [start]
        .into_iter()
        .chain(points.iter().filter(within).copied())
        .chain([end])
        .collect();
    let completed = |point: &Point| point.completed as f64;
    let at = |point: &Point| point.at_ns as f64;
    let marks: Vec<Mark> = (0..=10)
        .map(|tenth| {
            let done = start.completed as f64 + jobs as f64 * f64::from(tenth) / 10.0;
            let time = match tenth {
                0 => start.at_ns as f64,
                10 => end.at_ns as f64,
                _ => interpolated(&all, completed, at, done),
            };
            // The first and the last are known exactly.
            let lag = if tenth % 10 == 0 { 0.0 } else { LAG_NS };
            Mark {
                done,
                time,
                pages: interpolated(&all, at, |point| point.pages as f64, time + lag),
                wal_bytes: interpolated(&all, at, |point| point.wal_bytes as f64, time),
            }
        })
        .collect();
    let tenths: Vec<Tenth> = marks.windows(2).zip(1..).map(between).collect();
    tenths
        .iter()
        .all(|tenth| tenth.duration_s >= SHORTEST_S)
        .then_some(tenths)
}

/// Where one tenth ends and the next begins.
#[derive(Clone, Copy)]
struct Mark {
    done: f64,
    time: f64,
    pages: f64,
    wal_bytes: f64,
}

fn between((marks, tenth): (&[Mark], u64)) -> Tenth {
    let (from, to) = (marks[0], marks[1]);
    let jobs = to.done - from.done;
    let duration_s = (to.time - from.time) / 1e9;
    Tenth {
        tenth,
        duration_s,
        throughput: if duration_s > 0.0 {
            jobs / duration_s
        } else {
            0.0
        },
        pages: (to.pages - from.pages) / jobs,
        wal_bytes: (to.wal_bytes - from.wal_bytes) / jobs,
    }
}

/// The value of `y` where `x` first reaches `wanted`, on straight lines between points in which neither falls.
fn interpolated(
    points: &[Point],
    x: impl Fn(&Point) -> f64,
    y: impl Fn(&Point) -> f64,
    wanted: f64,
) -> f64 {
    let after = points.iter().position(|point| x(point) >= wanted);
    match after {
        None => points.last().map_or(0.0, y),
        Some(0) => y(&points[0]),
        Some(after) => {
            let (from, to) = (&points[after - 1], &points[after]);
            let share = (wanted - x(from)) / (x(to) - x(from));
            y(from) + share * (y(to) - y(from))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    /// 1,000 jobs a second; a page a job, 3 in the second half, known half a second late; 100 bytes a job.
    fn at(half_seconds: u64) -> Point {
        let pages_at = |halves: u64| {
            let jobs = halves * 500;
            jobs + 2 * jobs.saturating_sub(20_000)
        };
        Point {
            at_ns: 7 * SECOND + half_seconds * SECOND / 2,
            completed: half_seconds * 500,
            pages: pages_at(half_seconds.saturating_sub(1)),
            wal_bytes: half_seconds * 50_000,
        }
    }

    #[test]
    fn each_tenth_has_its_own_cost() {
        let points: Vec<Point> = (0..90).map(at).collect();
        let end = Point {
            pages: 20_000 + 3 * 20_000,
            ..at(80)
        };
        let tenths = tenths(at(0), &points, end).expect("long enough");
        assert_eq!(tenths.len(), 10);
        for tenth in &tenths {
            assert!((tenth.duration_s - 4.0).abs() < 1e-6, "{tenth:?}");
            assert!((tenth.throughput - 1000.0).abs() < 1e-3, "{tenth:?}");
            assert!((tenth.wal_bytes - 100.0).abs() < 1e-6, "{tenth:?}");
            let pages = if tenth.tenth <= 5 { 1.0 } else { 3.0 };
            assert!((tenth.pages - pages).abs() < 1e-6, "{tenth:?}");
        }
    }

    #[test]
    fn short_tenths_are_not_told() {
        let points: Vec<Point> = (0..30).map(at).collect();
        assert_eq!(tenths(at(0), &points, at(30)), None);
        assert_eq!(tenths(at(0), &[], at(0)), None);
    }

    #[test]
    fn a_pause_belongs_to_the_tenth_that_waited() {
        let end = Point {
            at_ns: 60 * SECOND,
            completed: 100,
            pages: 100,
            wal_bytes: 100,
        };
        let paused = [30, 50].map(|second| Point {
            at_ns: second * SECOND,
            completed: 50,
            pages: 50,
            wal_bytes: 50,
        });
        let tenths = tenths(Point::default(), &paused, end).expect("long enough");
        assert!((tenths[4].duration_s - 6.0).abs() < 1e-6, "{tenths:?}");
        assert!((tenths[5].duration_s - 22.0).abs() < 1e-6, "{tenths:?}");
    }
}
