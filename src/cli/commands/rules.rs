//! `rules`: list what is looked for in plans, explain one.

use super::listing;
use crate::cli::args::RulesAction;
use crate::cli::exit::{Exit, Usage};
use crate::definition::nearest;
use crate::finding::rules::{self, RULES};

/// Runs the command.
///
/// # Errors
/// If the rule is unknown.
pub fn run(action: &RulesAction) -> anyhow::Result<Exit> {
    match action {
        RulesAction::List => listing::print(&listing::lines(
            RULES
                .iter()
                .map(|rule| [rule.id.to_owned(), rule.summary.to_owned()]),
        )),
        RulesAction::Show { rule: id } => {
            let Some(rule) = rules::find(id) else {
                let hint = nearest(id, RULES.iter().map(|rule| rule.id))
                    .map_or(String::new(), |near| format!("did you mean `{near}`? "));
                return Err(Usage(format!(
                    "there is no rule `{id}`; {hint}`pgq-analyze rules list` lists all"
                ))
                .into());
            };
            listing::print(&rule.documentation())
        }
    }
}
