//! A comparison as data.

use crate::run::comparison::Comparison;

/// The comparison as JSON: indented, with a newline at its end.
pub(super) fn render(comparison: &Comparison) -> String {
    let mut text = serde_json::to_string_pretty(comparison)
        .expect("a comparison is made of structs and string keys: it always serialises");
    text.push('\n');
    text
}
