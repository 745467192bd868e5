//! Writes JSON piece by piece, for readers of other formats: what they have read so far is always the beginning of a document, and the
//! order of keys stays.

use serde_json::Value;

/// A document that is being written.
#[derive(Debug, Default)]
pub(super) struct Writer {
    text: String,
    /// What is open: the closing bracket, and whether something is in it already.
    open: Vec<(char, bool)>,
}

impl Writer {
    /// Begins an object; the key only where it is in an object itself.
    pub(super) fn begin_object(&mut self, key: Option<&str>) {
        self.begin(key, '{', '}');
    }

    /// Begins an array.
    pub(super) fn begin_array(&mut self, key: Option<&str>) {
        self.begin(key, '[', ']');
    }

    /// Writes a value.
    pub(super) fn value(&mut self, key: Option<&str>, value: &Value) {
        self.separate(key);
        self.text.push_str(&value.to_string());
    }

    /// Ends what was begun last.
    pub(super) fn end(&mut self) {
        if let Some((close, _)) = self.open.pop() {
            self.text.push(close);
        }
    }

    /// Whether values need a key where the writer is.
    pub(super) fn is_in_object(&self) -> bool {
        self.open.last().is_some_and(|(close, _)| *close == '}')
    }

    /// What was written.
    pub(super) fn finish(self) -> String {
        self.text
    }

    fn begin(&mut self, key: Option<&str>, open: char, close: char) {
        self.separate(key);
        self.text.push(open);
        self.open.push((close, false));
    }

    fn separate(&mut self, key: Option<&str>) {
        let needs_key = self.is_in_object();
        if let Some((_, is_filled)) = self.open.last_mut() {
            if *is_filled {
                self.text.push(',');
            }
            *is_filled = true;
        }
        if needs_key {
            self.text
                .push_str(&Value::from(key.unwrap_or_default()).to_string());
            self.text.push(':');
        }
    }
}

/// A number, true or false where the text is one, else the text.
pub(super) fn scalar(text: &str) -> Value {
    let value = serde_json::from_str(text).ok();
    let plain = value.filter(|value: &Value| value.is_number() || value.is_boolean());
    plain.unwrap_or_else(|| Value::from(text))
}
