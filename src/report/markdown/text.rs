//! Text of unknown origin in Markdown: shown as it is, as code, folded away.

/// Hides `content` behind a line to click on.
pub(in crate::report) fn folded(summary: &str, content: &str) -> String {
    format!(
        "\n<details><summary>{summary}</summary>\n\n{}\n\n</details>\n",
        content.trim_end()
    )
}

/// Text of one line that Markdown and HTML show as it is.
pub(in crate::report) fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            '&' => shown.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' | '!' => {
                shown.extend(['\\', character])
            }
            // A mention would notify whoever has the name.
            '@' => shown.push_str("@<!-- -->"),
            _ => shown.push(character),
        }
    }
    shown
}

/// Text of one line as code.
pub(in crate::report) fn code(text: &str) -> String {
    if text.is_empty() || text.contains('`') {
        escaped(text)
    } else {
        format!("`{text}`")
    }
}

/// A sentence in which what stands between backticks is code.
pub(in crate::report) fn prose(text: &str) -> String {
    let parts: Vec<&str> = text.split('`').collect();
    // A backtick without its partner is a character like any other.
    if parts.len().is_multiple_of(2) {
        return escaped(text);
    }
    let shown = parts.iter().enumerate().map(|(position, part)| {
        if position % 2 == 0 {
            escaped(part)
        } else {
            code(part)
        }
    });
    shown.collect()
}

/// Text for the cell of a table: a pipe ends it even within code, unless a backslash stands before it.
pub(in crate::report) fn cell(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character == '|' && !shown.ends_with('\\') {
            shown.push('\\');
        }
        shown.push(character);
    }
    shown
}

/// Text of several lines as a block of code within a list.
pub(in crate::report) fn block(lines: &[String]) -> String {
    fenced("text", "    ", lines)
}

/// Text of several lines as a block of code, fenced by more backticks than it has in a row.
pub(in crate::report) fn fenced(language: &str, indent: &str, lines: &[String]) -> String {
    let longest = lines
        .iter()
        .flat_map(|line| line.split(|character| character != '`'))
        .map(str::len)
        .max();
    let fence = "`".repeat(longest.unwrap_or(0).max(2) + 1);
    let lines: String = lines
        .iter()
        .map(|line| format!("{indent}{line}\n"))
        .collect();
    format!("{indent}{fence}{language}\n{lines}{indent}{fence}\n")
}

#[cfg(test)]
mod tests {
    use super::{block, cell, code, escaped, prose};

    #[test]
    fn markup_is_shown_as_it_is() {
        assert_eq!(
            escaped("<b>*a* | [x](y) & `c` #1"),
            "&lt;b&gt;\\*a\\* \\| \\[x\\](y) &amp; \\`c\\` \\#1"
        );
        assert_eq!(escaped("@team"), "@<!-- -->team");
        assert_eq!(code("Seq Scan <job>"), "`Seq Scan <job>`");
        assert_eq!(code("a`b*c"), "a\\`b\\*c");
        assert_eq!(
            prose("`skip locked` is gone from *job*"),
            "`skip locked` is gone from \\*job\\*"
        );
        assert_eq!(prose("a ` b"), "a \\` b");
        assert_eq!(cell(&code("a | b")), "`a \\| b`");
        assert_eq!(cell(&escaped("a | b")), "a \\| b");
        let lines = ["select `a`".to_owned(), "```".to_owned()];
        assert_eq!(
            block(&lines),
            "    ````text
    select `a`
    ```
    ````
"
        );
    }
}
