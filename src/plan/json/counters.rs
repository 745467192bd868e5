//! The counters that nodes, workers, planning and serialization have in common.

use serde::de::MapAccess;

use super::scalar::{Count, Real};
use crate::plan::node::{Actual, Buffers, IoTimes, Wal};

/// Counters as they come in, key by key.
#[derive(Default)]
pub(super) struct Counters {
    actual: Actual,
    actual_seen: bool,
    buffers: Buffers,
    buffers_seen: bool,
    io_times: IoTimes,
    io_times_seen: bool,
    wal: Wal,
    wal_seen: bool,
}

impl Counters {
    /// Takes the key's value if the key is one of these counters; tells whether it was.
    pub(super) fn read<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        map: &mut A,
    ) -> Result<bool, A::Error> {
        if let Some(count) = self.block_count(key) {
            *count = map.next_value::<Count>()?.0;
        } else if let Some(count) = self.wal_count(key) {
            *count = map.next_value::<Count>()?.0;
        } else if let Some(time) = self.io_time(key) {
            *time = map.next_value::<Real>()?.0;
        } else {
            return self.read_actual(key, map);
        }
        Ok(true)
    }

    /// What happened, where anything was said about it.
    pub(super) fn actual(&self) -> Option<Actual> {
        self.actual_seen.then_some(self.actual)
    }

    /// Pages, where they were counted.
    pub(super) fn buffers(&self) -> Option<Buffers> {
        self.buffers_seen.then_some(self.buffers)
    }

    /// I/O times, where they were taken.
    pub(super) fn io_times(&self) -> Option<IoTimes> {
        self.io_times_seen.then_some(self.io_times)
    }

    /// WAL, where it was counted.
    pub(super) fn wal(&self) -> Option<Wal> {
        self.wal_seen.then_some(self.wal)
    }

    fn read_actual<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        map: &mut A,
    ) -> Result<bool, A::Error> {
        match key {
            "Actual Startup Time" => self.actual.startup_ms = Some(map.next_value::<Real>()?.0),
            "Actual Total Time" => self.actual.total_ms = Some(map.next_value::<Real>()?.0),
            "Actual Rows" => self.actual.rows = map.next_value::<Real>()?.0,
            "Actual Loops" => {
                self.actual.loops = map.next_value::<Count>()?.0;
                self.actual_seen = true;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn block_count(&mut self, key: &str) -> Option<&mut u64> {
        let name = key.strip_suffix(" Blocks")?;
        let buffers = &mut self.buffers;
        let count = match name {
            "Shared Hit" => &mut buffers.shared.hit,
            "Shared Read" => &mut buffers.shared.read,
            "Shared Dirtied" => &mut buffers.shared.dirtied,
            "Shared Written" => &mut buffers.shared.written,
            "Local Hit" => &mut buffers.local.hit,
            "Local Read" => &mut buffers.local.read,
            "Local Dirtied" => &mut buffers.local.dirtied,
            "Local Written" => &mut buffers.local.written,
            "Temp Read" => &mut buffers.temp_read,
            "Temp Written" => &mut buffers.temp_written,
            _ => return None,
        };
        self.buffers_seen = true;
        Some(count)
    }

    fn wal_count(&mut self, key: &str) -> Option<&mut u64> {
        let name = key.strip_prefix("WAL ")?;
        let count = match name {
            "Records" => &mut self.wal.records,
            "FPI" => &mut self.wal.fpi,
            "Bytes" => &mut self.wal.bytes,
            "Buffers Full" => &mut self.wal.buffers_full,
            _ => return None,
        };
        self.wal_seen = true;
        Some(count)
    }

    /// 14 to 16 say `I/O Read Time` for shared and local pages together, from 17 each kind has its own keys.
    fn io_time(&mut self, key: &str) -> Option<&mut f64> {
        let name = key
            .strip_suffix(" Time")
            .filter(|name| name.contains("I/O"))?;
        let times = &mut self.io_times;
        let time = match name {
            "I/O Read" | "Shared I/O Read" => &mut times.shared_read_ms,
            "I/O Write" | "Shared I/O Write" => &mut times.shared_write_ms,
            "Local I/O Read" => &mut times.local_read_ms,
            "Local I/O Write" => &mut times.local_write_ms,
            "Temp I/O Read" => &mut times.temp_read_ms,
            "Temp I/O Write" => &mut times.temp_write_ms,
            _ => return None,
        };
        self.io_times_seen = true;
        Some(time)
    }
}
