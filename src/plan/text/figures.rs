//! Lines of figures that nodes, workers, planning and serialization have in common: pages, I/O times, WAL.

use crate::plan::node::{Buffers, IoTimes, Wal};

/// What such a line says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Figures {
    /// `Buffers: shared hit=12 read=3, temp read=4 written=4`.
    Buffers(Buffers),
    /// `I/O Timings: shared read=0.120`; up to 16 `read=0.120` or `shared/local read=0.120`.
    IoTimes(IoTimes),
    /// `WAL: records=2 bytes=120`.
    Wal(Wal),
}

/// The figures of a line, if it is one of these and every word of it is understood.
pub(super) fn read(key: &str, value: &str) -> Option<Figures> {
    match key {
        "Buffers" => buffers(value).map(Figures::Buffers),
        "I/O Timings" => io_times(value).map(Figures::IoTimes),
        "WAL" => wal(value).map(Figures::Wal),
        _ => None,
    }
}

/// The groups of a line with the words of each: `shared hit=1 read=2, temp read=3`. A group without a name has the empty one.
fn groups(value: &str) -> impl Iterator<Item = (&str, &str)> {
    value.split(',').map(|group| {
        let group = group.trim();
        let name = group.split(' ').next().unwrap_or_default();
        let name = if name.contains('=') { "" } else { name };
        (name, group[name.len()..].trim())
    })
}

fn buffers(value: &str) -> Option<Buffers> {
    let mut buffers = Buffers::default();
    for (group, words) in groups(value) {
        for word in words.split_whitespace() {
            let (key, count) = word.split_once('=')?;
            let blocks = match group {
                "shared" => &mut buffers.shared,
                "local" => &mut buffers.local,
                "temp" => {
                    let count = count.parse().ok()?;
                    match key {
                        "read" => buffers.temp_read = count,
                        "written" => buffers.temp_written = count,
                        _ => return None,
                    }
                    continue;
                }
                _ => return None,
            };
            let field = match key {
                "hit" => &mut blocks.hit,
                "read" => &mut blocks.read,
                "dirtied" => &mut blocks.dirtied,
                "written" => &mut blocks.written,
                _ => return None,
            };
            *field = count.parse().ok()?;
        }
    }
    Some(buffers)
}

fn io_times(value: &str) -> Option<IoTimes> {
    let mut times = IoTimes::default();
    for (group, words) in groups(value) {
        for word in words.split_whitespace() {
            let (key, time) = word.split_once('=')?;
            let field = match (group, key) {
                ("" | "shared/local" | "shared", "read") => &mut times.shared_read_ms,
                ("" | "shared/local" | "shared", "write") => &mut times.shared_write_ms,
                ("local", "read") => &mut times.local_read_ms,
                ("local", "write") => &mut times.local_write_ms,
                ("temp", "read") => &mut times.temp_read_ms,
                ("temp", "write") => &mut times.temp_write_ms,
                _ => return None,
            };
            *field = time.parse().ok().filter(|time: &f64| time.is_finite())?;
        }
    }
    Some(times)
}

fn wal(value: &str) -> Option<Wal> {
    let mut wal = Wal::default();
    // From 18 on `buffers full=3`: the only key of two words.
    let value = value.replace("buffers full", "buffers_full");
    for word in value.split_whitespace() {
        let (key, count) = word.split_once('=')?;
        let field = match key {
            "records" => &mut wal.records,
            "fpi" => &mut wal.fpi,
            "bytes" => &mut wal.bytes,
            "buffers_full" => &mut wal.buffers_full,
            _ => return None,
        };
        *field = count.parse().ok()?;
    }
    Some(wal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::node::BlockCounts;

    #[test]
    fn pages_of_every_kind() {
        let blocks = |hit, read, dirtied, written| BlockCounts {
            hit,
            read,
            dirtied,
            written,
        };
        let text = "shared hit=1 read=2 dirtied=3 written=4, local hit=5 read=6 dirtied=7 written=8, temp read=9 written=10";
        let expected = Buffers {
            shared: blocks(1, 2, 3, 4),
            local: blocks(5, 6, 7, 8),
            temp_read: 9,
            temp_written: 10,
        };
        assert_eq!(read("Buffers", text), Some(Figures::Buffers(expected)));
        for unknown in [
            "shared hit",
            "cloud hit=1",
            "shared lost=1",
            "temp hit=1",
            "shared hit=x",
        ] {
            assert_eq!(read("Buffers", unknown), None, "{unknown}");
        }
    }

    #[test]
    fn io_times_of_every_version() {
        let times = |text: &str| match read("I/O Timings", text) {
            Some(Figures::IoTimes(times)) => [
                times.shared_read_ms,
                times.shared_write_ms,
                times.local_read_ms,
                times.temp_read_ms,
                times.temp_write_ms,
            ],
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(times("read=0.1 write=0.2"), [0.1, 0.2, 0.0, 0.0, 0.0]);
        let of_15 = "shared/local read=0.1, temp read=0.3 write=0.4";
        assert_eq!(times(of_15), [0.1, 0.0, 0.0, 0.3, 0.4]);
        let of_17 = "shared read=0.1 write=0.2, local read=0.5, temp write=0.4";
        assert_eq!(times(of_17), [0.1, 0.2, 0.5, 0.0, 0.4]);
    }

    #[test]
    fn wal_with_full_buffers() {
        let expected = Wal {
            records: 5,
            fpi: 1,
            bytes: 700,
            buffers_full: 2,
        };
        let text = "records=5 fpi=1 bytes=700 buffers full=2";
        assert_eq!(read("WAL", text), Some(Figures::Wal(expected)));
    }
}
