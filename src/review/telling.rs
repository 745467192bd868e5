//! Tells how far a long log was read.

use std::io::{self, Read};

use crate::run::event::{Events, RunEvent};

/// A megabyte, in which progress is told.
const MEGABYTE: u64 = 1_000_000;

/// Reads the same, and tells of each megabyte.
pub(super) fn told<R>(events: &Events, path: &str, inner: R) -> Told<R> {
    Told {
        inner,
        step: format!("reading {path}, megabytes"),
        read: 0,
        events: events.clone(),
    }
}

/// A stream that is told of.
#[derive(Debug)]
pub(super) struct Told<R> {
    inner: R,
    step: String,
    read: u64,
    events: Events,
}

impl<R: Read> Read for Told<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.inner.read(buffer)?;
        let before = self.read / MEGABYTE;
        self.read = self.read.saturating_add(bytes as u64);
        let megabytes = self.read / MEGABYTE;
        if megabytes > before {
            self.events.emit(RunEvent::StepProgress {
                step: self.step.clone(),
                done: megabytes,
                total: 0,
            });
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn each_megabyte_is_told_and_the_stream_is_the_same() {
        let all = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&all);
        let events = Events::new(move |event| {
            if let RunEvent::StepProgress { step, done, .. } = event {
                heard.lock().unwrap().push((step, done));
            }
        });
        let content = vec![7; 2_500_000];
        let mut stream = told(&events, "a.log", &content[..]);
        let mut read = Vec::new();
        stream.read_to_end(&mut read).unwrap();
        assert_eq!(read, content);
        let all = all.lock().unwrap();
        assert_eq!(
            all.last(),
            Some(&("reading a.log, megabytes".to_owned(), 2))
        );
    }
}
