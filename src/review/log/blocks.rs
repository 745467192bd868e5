//! A log in blocks of lines, none of which ends within an entry: read one after the other, whatever the log's size, from a file, a
//! pipe or a gzip stream.

use std::io::{self, Read};

use memchr::memrchr;

use super::entry::{self, Form};

/// The longest entry that is read, in bytes: a plan of 50,000 nodes in JSON has about as many.
const LONGEST_ENTRY: usize = 64 << 20;

/// The first bytes of a gzip file.
const GZIP: &[u8] = &[0x1f, 0x8b];

/// Cuts what it reads into blocks.
pub(super) struct Blocks<'r> {
    input: Box<dyn Read + Send + 'r>,
    /// Bytes of a block, before what is cut off at its end.
    bytes: usize,
    /// What was cut off the last block.
    rest: Vec<u8>,
    form: Option<Form>,
    over: bool,
    /// Why reading ended, if not because the log did.
    error: Option<io::Error>,
    /// Blocks that are done with.
    spare: Vec<Vec<u8>>,
}

/// Some lines of a log.
#[derive(Debug)]
pub(super) struct Block {
    /// The lines.
    pub(super) text: Vec<u8>,
    /// The form of the log's entries; none up to the first.
    pub(super) form: Option<Form>,
}

impl<'r> Blocks<'r> {
    /// Of a log, plain or gzip, in blocks of about so many bytes.
    pub(super) fn new(mut input: impl Read + Send + 'r, bytes: usize) -> Self {
        let mut head = Vec::new();
        let error = input
            .by_ref()
            .take(GZIP.len() as u64)
            .read_to_end(&mut head)
            .err();
        let is_gzip = head == GZIP;
        let input = io::Cursor::new(head).chain(input);
        Blocks {
            input: if is_gzip {
                Box::new(flate2::read::MultiGzDecoder::new(input))
            } else {
                Box::new(input)
            },
            bytes: bytes.clamp(1, LONGEST_ENTRY),
            rest: Vec::new(),
            form: None,
            over: false,
            error,
            spare: Vec::new(),
        }
    }

    /// The next blocks, so many at most; none at the end.
    pub(super) fn next(&mut self, most: usize) -> Vec<Block> {
        std::iter::from_fn(|| self.block()).take(most).collect()
    }

    /// Takes blocks back that are done with.
    pub(super) fn recycle(&mut self, blocks: Vec<Block>) {
        self.spare
            .extend(blocks.into_iter().map(|block| block.text));
    }

    /// Why reading ended early, if it did.
    pub(super) fn error(&mut self) -> Option<io::Error> {
        self.error.take()
    }

    fn block(&mut self) -> Option<Block> {
        let mut text = self.spare.pop().unwrap_or_default();
        text.clear();
        text.append(&mut self.rest);
        let mut wanted = self.bytes;
        while !self.over {
            self.fill(&mut text, wanted);
            let lines = if self.over {
                text.len()
            } else {
                whole_lines(&text)
            };
            self.form = self.form.or_else(|| form(text.get(..lines)?));
            let cut = if self.over {
                lines
            } else {
                self.cut(&text, lines)
            };
            if cut > 0 {
                self.rest
                    .extend_from_slice(text.get(cut..).unwrap_or_default());
                text.truncate(cut);
                break;
            }
            // All of it is one entry so far.
            wanted = text.len().saturating_mul(2);
        }
        (!text.is_empty()).then_some(Block {
            text,
            form: self.form,
        })
    }

    /// Reads until there are so many bytes, or until the end.
    fn fill(&mut self, text: &mut Vec<u8>, wanted: usize) {
        let missing = wanted.saturating_sub(text.len());
        text.reserve(missing);
        let read = self.input.by_ref().take(missing as u64).read_to_end(text);
        self.over = match read {
            Ok(read) => read < missing,
            Err(error) => {
                self.error = Some(error);
                true
            }
        };
    }

    /// The length of the text without the last entry, if that is not over yet.
    fn cut(&self, text: &[u8], lines: usize) -> usize {
        if text.len() >= LONGEST_ENTRY {
            return text.len();
        }
        let header = self.form.and_then(|form| entry::last_header(text, form));
        match header.filter(|header| entry::entry(text, header, false).is_none()) {
            Some(open) => open.start.min(lines),
            None => lines,
        }
    }
}

/// The length of the lines that have an end.
fn whole_lines(text: &[u8]) -> usize {
    memrchr(b'\n', text).map_or(0, |end| end + 1)
}

/// The form of the first entry.
fn form(text: &[u8]) -> Option<Form> {
    entry::next_header(text, 0, None).map(|header| header.form)
}
