//! A second's histogram: open while its samples come in, compressed after.

use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};

use super::{Values, add_values, empty_histogram};

/// A histogram that may be compressed.
#[derive(Debug)]
pub(super) enum Kept {
    /// Samples come in.
    Open(Histogram<u64>),
    /// HdrHistogram's compressed encoding, version 2: some hundred bytes instead of some ten thousand.
    Compressed(Vec<u8>),
}

impl Default for Kept {
    fn default() -> Self {
        Kept::Open(empty_histogram())
    }
}

impl Kept {
    /// Adds samples, for which it is opened.
    pub(super) fn add(&mut self, values: &Values) {
        if let Kept::Compressed(_) = self {
            *self = Kept::Open(self.histogram());
        }
        if let Kept::Open(histogram) = self {
            add_values(histogram, values);
        }
    }

    /// Compresses it, if it is not yet.
    pub(super) fn compress(&mut self) {
        if let Kept::Open(histogram) = self {
            let mut bytes = Vec::new();
            V2DeflateSerializer::new()
                .serialize(histogram, &mut bytes)
                .expect("memory takes what is written, and counts are far below 2^63");
            bytes.shrink_to_fit();
            *self = Kept::Compressed(bytes);
        }
    }

    /// The histogram; it resizes.
    pub(super) fn histogram(&self) -> Histogram<u64> {
        match self {
            Kept::Open(histogram) => histogram.clone(),
            Kept::Compressed(bytes) => {
                let mut histogram: Histogram<u64> = Deserializer::new()
                    .deserialize(&mut bytes.as_slice())
                    .expect("what was written by the same program is read");
                histogram.auto(true);
                histogram
            }
        }
    }
}
