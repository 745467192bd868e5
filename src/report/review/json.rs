//! A review as data.

use crate::report::text::acts_unseen;
use crate::run::review::Review;

/// The review as JSON: indented, with a newline at its end. Names out of files may hold anything, and JSON need not be read by a program:
/// what acts on a terminal is written as `\u…`, which means the same.
pub(super) fn render(review: &Review) -> String {
    let text = serde_json::to_string_pretty(review)
        .expect("a review is made of structs and string keys: it always serialises");
    let mut shown = String::with_capacity(text.len() + 1);
    let mut units = [0; 2];
    for character in text.chars() {
        // Outside strings there is nothing but ASCII, and within them serde_json has escaped the controls of ASCII.
        if character.is_ascii() || !acts_unseen(character) {
            shown.push(character);
        } else {
            for unit in character.encode_utf16(&mut units) {
                shown.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    // DEL is no control to JSON.
    let mut shown = shown.replace('\u{7f}', "\\u007f");
    shown.push('\n');
    shown
}
