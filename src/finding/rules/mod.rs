//! The rules, one a file; `RULES` is the list everything else is derived from.

/// A rule.
pub struct Rule {
    /// Id.
    pub id: &'static str,
    /// Summary.
    pub summary: &'static str,
}
impl Rule {
    /// Page.
    #[must_use]
    pub fn page(&self) -> String {
        String::new()
    }
}
/// All.
pub const RULES: &[Rule] = &[];
/// Finds.
#[must_use]
pub fn find(id: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.id == id)
}
