//! Takes off what mail and Markdown put around: `>` before each line, fences around code.

use super::line::Line;

/// The lines without quote marks; a fence delimits.
pub(super) fn unquoted(lines: Vec<Line<'_>>) -> Vec<Line<'_>> {
    lines
        .into_iter()
        .map(|line| {
            let text = without_marks(line.text());
            if is_fence(text) {
                return Line::boundary(line.number);
            }
            if text.len() == line.text().len() {
                return line;
            }
            let text = text.to_owned();
            line.with(text)
        })
        .collect()
}

/// `> > text` and `>> text` are `text`, with one blank at most taken behind each mark.
fn without_marks(line: &str) -> &str {
    let mut rest = line;
    while let Some(quoted) = rest.strip_prefix('>') {
        rest = quoted.strip_prefix(' ').unwrap_or(quoted);
    }
    rest
}

fn is_fence(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("```") || line.starts_with("~~~")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::document::line::lines;

    #[test]
    fn marks_and_fences_go_and_indentation_stays() {
        let text = "> > a\n>>   b\n>\n ->  c\n  ```sql\nd";
        let read: Vec<Option<String>> = unquoted(lines(text))
            .into_iter()
            .map(|line| line.text_within().map(str::to_owned))
            .collect();
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(
            read,
            [
                text("a"),
                text("  b"),
                text(""),
                text(" ->  c"),
                None,
                text("d")
            ]
        );
    }
}
