//! `rules`: list what is looked for in plans, explain one.

use std::cmp::Reverse;

use super::listing;
use crate::cli::args::RulesAction;
use crate::cli::exit::{Exit, Usage};
use crate::definition::nearest;
use crate::finding::rules::{self, RULES, Rule};

/// Runs the command.
///
/// # Errors
/// If the rule is unknown.
pub fn run(action: &RulesAction) -> anyhow::Result<Exit> {
    match action {
        RulesAction::List => {
            // Grouped by what they may amount to; within a group the order of RULES stays.
            let mut rules: Vec<&Rule> = RULES.iter().collect();
            rules.sort_by_key(|rule| Reverse(rule.severity));
            let rows = rules
                .iter()
                .map(|rule| [rule.severity.name(), rule.id, rule.summary].map(str::to_owned));
            listing::print(&listing::lines(rows))
        }
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
