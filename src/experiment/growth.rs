//! What only several fixtures together tell: judged once all of them were measured.

use crate::finding::case::{Case, Catalog};
use crate::finding::rules::judge;
use crate::run::Run;
use crate::run::growth::growths;

/// Adds to the results of a run what the rules find in how they grow: to each fetch on the fixture on which it read most.
pub fn judge_growth(run: &mut Run) {
    let catalog = Catalog::default();
    let growths = growths(run);
    let found: Vec<_> = growths
        .iter()
        .flat_map(|growth| {
            let many = growth.many;
            let position = run.results.iter().position(|one| std::ptr::eq(one, many));
            // No plan: what a plan alone tells was found when it was measured.
            let findings = judge(&Case {
                queue: &many.queue,
                fixture: &many.fixture,
                operation: &many.operation,
                variant: &many.variant,
                statement: &many.statement,
                statement_text: "",
                batch_size: None,
                mode: many.plan_mode,
                custom: None,
                generic: None,
                auto_plan: many.auto_plan,
                forced_plan_mode: None,
                catalog: &catalog,
                sizes: Some(growth.sizes()),
            });
            position.map(|position| (position, findings))
        })
        .collect();
    for (position, findings) in found {
        let all = &mut run.results[position].findings;
        all.extend(findings);
        all.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    }
}
