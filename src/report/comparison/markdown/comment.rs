//! A comment that stays below a length: pieces that do not fit are counted instead.

use crate::report::naming::position_or_push;
use crate::units::counted;

/// GitHub takes 65,536 characters; some are left to whoever puts a line of their own before or behind.
pub(super) const LONGEST: usize = 60_000;

/// Characters kept for saying what was left out.
const RESERVE: usize = 1_000;

/// A comment being written.
pub(super) struct Comment {
    text: String,
    footer: String,
    left: usize,
    left_out: Vec<(&'static str, usize)>,
}

impl Comment {
    /// An empty comment that ends in `footer`, whatever else it holds.
    pub(super) fn new(footer: &str) -> Comment {
        let footer = shortened(footer, LONGEST / 4);
        Comment {
            text: String::new(),
            left: LONGEST - RESERVE - length(&footer),
            footer,
            left_out: Vec::new(),
        }
    }

    /// How many characters there is room for.
    pub(super) fn left(&self) -> usize {
        self.left
    }

    /// Adds a piece, if it fits.
    pub(super) fn push(&mut self, piece: &str) -> bool {
        let length = length(piece);
        if length > self.left {
            return false;
        }
        self.left -= length;
        self.text.push_str(piece);
        true
    }

    /// Adds a piece, or counts it among what is missing.
    pub(super) fn push_or_count(&mut self, noun: &'static str, piece: &str) {
        if !self.push(piece) {
            self.leave_out(noun, 1);
        }
    }

    /// Says that something is missing.
    pub(super) fn leave_out(&mut self, noun: &'static str, number: usize) {
        if number == 0 {
            return;
        }
        let mut nouns: Vec<&str> = self.left_out.iter().map(|(noun, _)| *noun).collect();
        let position = position_or_push(&mut nouns, noun);
        match self.left_out.get_mut(position) {
            Some((_, known)) => *known += number,
            None => self.left_out.push((noun, number)),
        }
    }

    /// Everything, with what is missing and the footer.
    pub(super) fn text(self) -> String {
        let missing = self
            .left_out
            .iter()
            .map(|(noun, number)| counted(*number, noun));
        let missing: Vec<String> = missing.collect();
        let missing = if missing.is_empty() {
            String::new()
        } else {
            format!(
                "\n> Left out, as a comment holds no more: {}. The formats table and json have everything.\n",
                missing.join(", ")
            )
        };
        self.text + &missing + &self.footer
    }
}

fn length(text: &str) -> usize {
    text.chars().count()
}

/// `text`, or its beginning and `…` where it has more than `characters`.
pub(super) fn shortened(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        None => text.to_owned(),
        Some(_) => {
            let kept: String = text.chars().take(characters.saturating_sub(1)).collect();
            kept + "…"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Comment, LONGEST, shortened};

    #[test]
    fn what_does_not_fit_is_counted() {
        let mut comment = Comment::new("the end\n");
        for _ in 0..10 {
            comment.push_or_count("plan", &"ä".repeat(10_000));
        }
        comment.leave_out("query", 0);
        assert!(!comment.push(&"a".repeat(comment.left() + 1)));
        let text = comment.text();
        assert!(text.chars().count() < LONGEST, "{}", text.chars().count());
        assert!(
            text.contains("no more: 5 plans."),
            "{}",
            &text[text.len() - 200..]
        );
        assert!(text.ends_with("the end\n"));
    }

    #[test]
    fn what_is_cut_says_so() {
        assert_eq!(shortened("abc", 3), "abc");
        assert_eq!(shortened("äbcd", 3), "äb…");
    }
}
