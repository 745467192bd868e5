//! What colours mean. The only place that knows terminal codes.

use crate::finding::Severity;

/// What a piece of text is, as far as colour is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A heading.
    Title,
    /// Nothing special.
    Plain,
    /// There for who looks for it.
    Quiet,
    /// As it should be.
    Good,
    /// Worth knowing.
    Note,
    /// Costs something.
    Warning,
    /// Breaks something.
    Critical,
}

impl From<Severity> for Role {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Note => Role::Note,
            Severity::Warning => Role::Warning,
            Severity::Critical => Role::Critical,
        }
    }
}

/// Paints, or leaves text alone where colour is off.
#[derive(Clone, Copy, Debug)]
pub(super) struct Palette {
    /// Whether to paint.
    pub(super) color: bool,
}

impl Palette {
    /// `text`, which must be one line, in the colour of `role`.
    pub(super) fn paint(self, role: Role, text: &str) -> String {
        let code = match role {
            Role::Title => "1",
            Role::Plain => "",
            Role::Quiet => "2",
            Role::Good => "32",
            Role::Note => "36",
            Role::Warning => "33",
            Role::Critical => "1;31",
        };
        if !self.color || code.is_empty() || text.is_empty() {
            return text.to_owned();
        }
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}
