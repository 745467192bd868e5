//! The first comment of a statement file: where it ends, its description, and the lines each directive takes.

use super::super::operation::Operation;
use super::super::source::{DefinitionError, Source};
use super::super::suggestion;
use crate::sql::token::{TokenKind, is_parameter_name, tokens};

/// The words a directive starts with.
pub(super) const DIRECTIVES: [&str; 4] = ["operation", "param", "variant", "statement"];

/// The first comment of a file.
pub(super) struct Header {
    /// What stands before the first directive.
    pub(super) description: String,
    /// The directives, not yet read.
    pub(super) directives: Vec<DirectiveLines>,
    /// The byte behind it.
    pub(super) end: usize,
}

/// A directive with its continuation lines joined by line ends.
pub(super) struct DirectiveLines {
    /// The text without the comment marks.
    pub(super) text: String,
    /// For each line, where it starts: in `text`, and in the file.
    starts: Vec<(usize, usize)>,
}

impl DirectiveLines {
    fn new(content: &str, offset: usize) -> DirectiveLines {
        DirectiveLines {
            text: content.to_owned(),
            starts: vec![(0, offset)],
        }
    }

    fn continue_with(&mut self, content: &str, offset: usize) {
        self.text.push('\n');
        self.starts.push((self.text.len(), offset));
        self.text.push_str(content);
    }

    /// Where the byte `at` of `text` stands in the file.
    pub(super) fn offset(&self, at: usize) -> usize {
        let line = self
            .starts
            .partition_point(|(start, _)| *start <= at)
            .saturating_sub(1);
        let (start, offset) = self.starts[line];
        offset + (at - start)
    }
}

/// A line of a comment.
struct CommentLine<'a> {
    /// What stands behind the `--`, without white space around it.
    content: &'a str,
    /// Where `content` starts in the file.
    offset: usize,
    /// Whether four spaces or more stand behind the `--`.
    indented: bool,
}

/// The lines of the first comment, and the byte behind it.
fn comment_lines(text: &str) -> (Vec<CommentLine<'_>>, usize) {
    let mut lines = Vec::new();
    let mut end = 0;
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim();
        if let Some(behind) = trimmed.strip_prefix("--") {
            let content = behind.trim_start();
            let offset =
                end + (line.len() - line.trim_start().len()) + (trimmed.len() - content.len());
            lines.push(CommentLine {
                content,
                offset,
                indented: behind.starts_with("    "),
            });
        } else if !(trimmed.is_empty() && lines.is_empty()) {
            break;
        }
        end += line.len();
    }
    (lines, end)
}

/// Reads the first comment of a file.
pub(super) fn read(source: &Source) -> Result<Header, DefinitionError> {
    let (lines, end) = comment_lines(&source.text);
    let first_directive = lines
        .iter()
        .position(|line| !line.indented && starts_directive(line.content))
        .unwrap_or(lines.len());
    let (description, rest) = lines.split_at(first_directive);
    let mut directives: Vec<DirectiveLines> = Vec::new();
    for line in rest.iter().filter(|line| !line.content.is_empty()) {
        match directives.last_mut() {
            Some(directive) if line.indented => directive.continue_with(line.content, line.offset),
            _ => directives.push(DirectiveLines::new(line.content, line.offset)),
        }
    }
    Ok(Header {
        description: join(description),
        directives,
        end,
    })
}

/// The lines of a description as running text; an empty line makes a line end.
fn join(lines: &[CommentLine<'_>]) -> String {
    let paragraphs: Vec<String> = lines
        .split(|line| line.content.is_empty())
        .map(|paragraph| {
            paragraph
                .iter()
                .map(|line| line.content)
                .collect::<Vec<_>>()
                .join(" ")
        })
        .filter(|paragraph| !paragraph.is_empty())
        .collect();
    paragraphs.join("\n")
}

/// Whether a comment line is the first directive rather than more description. A word that is almost one counts, so that a slip
/// does not turn a directive into prose.
fn starts_directive(content: &str) -> bool {
    let word_end = content
        .find(|c: char| !(c.is_ascii_lowercase() || c == '-' || c == '_'))
        .unwrap_or(content.len());
    let (word, behind) = content.split_at(word_end);
    let Some(meant) = suggestion::nearest(word, DIRECTIVES) else {
        return false;
    };
    let words: Vec<&str> = behind.split_whitespace().collect();
    match meant {
        "param" => word == meant && words.len() >= 2 && is_parameter_name(words[0]),
        "variant" => {
            behind.starts_with(' ') && words.first().is_some_and(|name| name.ends_with(':'))
        }
        _ => {
            behind.starts_with(':')
                || (word == "operation"
                    && words.len() == 1
                    && words[0].parse::<Operation>().is_ok())
        }
    }
}

/// The content of a comment token if it is `-- statement: …`, and where it starts in the comment.
fn comment_content(comment: &str) -> (&str, usize) {
    let content = comment.trim_start_matches('-').trim();
    (
        content,
        comment.len() - comment.trim_start_matches('-').trim_start().len(),
    )
}

/// Every `-- statement: NAME` behind the header.
pub(super) fn statement_lines_after(source: &Source, header_end: usize) -> Vec<DirectiveLines> {
    let mut found = Vec::new();
    for token in tokens(&source.text)
        .filter(|token| token.kind == TokenKind::LineComment && token.span.start >= header_end)
    {
        let (content, start) = comment_content(&source.text[token.span.clone()]);
        if content
            .strip_prefix("statement")
            .is_some_and(|behind| behind.trim_start().starts_with(':'))
        {
            found.push(DirectiveLines::new(content, token.span.start + start));
        }
    }
    found
}

/// Refuses other directives between the header and the first statement: behind an empty line they would be passed over in
/// silence.
pub(super) fn refuse_directives_after(
    source: &Source,
    header_end: usize,
    first_statement: usize,
) -> Result<(), DefinitionError> {
    for token in tokens(&source.text).take_while(|token| token.span.start < first_statement) {
        let (content, start) = comment_content(&source.text[token.span.clone()]);
        let comment = token.kind == TokenKind::LineComment && token.span.start >= header_end;
        if comment && !content.starts_with("statement") && starts_directive(content) {
            let help = "directives stand in the first comment: leave no empty line before it";
            return Err(source
                .error(
                    token.span.start + start,
                    "a directive outside the first comment",
                )
                .help(help));
        }
    }
    Ok(())
}

/// The error for a file without an operation, with the line to add.
pub(super) fn missing_operation(source: &Source, name: &str) -> DefinitionError {
    let operation = name.parse::<Operation>().ok();
    let help = match operation {
        Some(operation) => format!("add the line `-- operation: {operation}` to the first comment"),
        None => {
            let names = Operation::ALL.map(Operation::name).join(", ");
            format!("add the line `-- operation: NAME` to the first comment, with one of: {names}")
        }
    };
    source.error(0, "the operation is missing").help(help)
}
