//! What one version of a statement has and the other has not: clauses, conditions, assignments.

use std::collections::BTreeSet;

use super::fragment::{key, shown, unqualified};
use super::query::{ClauseKind, Query};
use crate::sql::part::Part;

/// A piece of a statement and where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item<'q, 'a> {
    /// The number of its query.
    pub(super) query: usize,
    /// What it is: of a clause what stands behind its key words.
    pub(super) parts: &'q [Part<'a>],
    /// The clause it is in.
    pub(super) clause: &'q [Part<'a>],
}

/// Pieces that only one side has.
pub(super) struct Items<'q, 'a> {
    /// Those that only the first has.
    pub(super) gone: Vec<Item<'q, 'a>>,
    /// Those that only the second has.
    pub(super) new: Vec<Item<'q, 'a>>,
    /// Whether a number means the same query on both sides.
    is_same_structure: bool,
}

/// The clauses of a kind, of all queries.
pub(super) fn clauses<'q, 'a>(queries: &'q [Query<'a>], kind: ClauseKind) -> Vec<Item<'q, 'a>> {
    let numbered = queries.iter().enumerate();
    let found = numbered.flat_map(|(number, query)| {
        let clauses = query.clauses.iter().filter(|clause| clause.kind == kind);
        clauses.map(move |clause| Item {
            query: number,
            parts: clause.body(),
            clause: &clause.parts,
        })
    });
    found.collect()
}

/// Whether both have the same queries within one another, doing the same.
pub(super) fn have_same_structure(first: &[Query<'_>], second: &[Query<'_>]) -> bool {
    first.len() == second.len()
        && first
            .iter()
            .zip(second)
            .all(|(one, other)| one.parent == other.parent && one.verb() == other.verb())
}

impl<'q, 'a> Items<'q, 'a> {
    /// What is on one side only, wherever it stands, and however its columns are qualified.
    pub(super) fn between(
        mut gone: Vec<Item<'q, 'a>>,
        mut new: Vec<Item<'q, 'a>>,
        is_same_structure: bool,
    ) -> Items<'q, 'a> {
        drop_equal(&mut gone, &mut new, |item| key(item.parts));
        drop_equal(&mut gone, &mut new, |item| key(&unqualified(item.parts)));
        Items {
            gone,
            new,
            is_same_structure,
        }
    }

    /// Takes out the pairs for which there are words. Where one has words with several, nothing tells which it became.
    pub(super) fn pair(
        &mut self,
        word: impl Fn(&Item<'q, 'a>, &Item<'q, 'a>) -> Option<String>,
        words: &mut Vec<String>,
    ) {
        let mut found = Vec::new();
        for (at, gone) in self.gone.iter().enumerate() {
            for (other, new) in self.new.iter().enumerate() {
                if self.is_same_structure && gone.query != new.query {
                    continue;
                }
                if let Some(word) = word(gone, new) {
                    found.push((at, other, word));
                }
            }
        }
        let (mut words_of_gone, mut words_of_new) =
            (vec![0; self.gone.len()], vec![0; self.new.len()]);
        for (at, other, _) in &found {
            words_of_gone[*at] += 1;
            words_of_new[*other] += 1;
        }
        let is_certain = |pair: &&(usize, usize, String)| {
            words_of_gone[pair.0] == 1 && words_of_new[pair.1] == 1
        };
        let (mut taken_gone, mut taken_new) = (BTreeSet::new(), BTreeSet::new());
        for pair in found.iter().filter(is_certain) {
            taken_gone.insert(pair.0);
            taken_new.insert(pair.1);
            words.push(pair.2.clone());
        }
        drop_numbered(&mut self.gone, &taken_gone);
        drop_numbered(&mut self.new, &taken_new);
    }

    /// Words for the clauses for which there were no others.
    pub(super) fn clauses_left(&self) -> impl Iterator<Item = String> + use<'_, 'q, 'a> {
        let gone = self.gone.iter().map(|item| (item, "gone"));
        let new = self.new.iter().map(|item| (item, "new"));
        gone.chain(new)
            .map(|(item, what)| format!("`{}` is {what}", shown(item.clause)))
    }
}

fn drop_numbered(items: &mut Vec<Item<'_, '_>>, taken: &BTreeSet<usize>) {
    let mut number = 0;
    items.retain(|_| {
        number += 1;
        !taken.contains(&(number - 1))
    });
}

/// Takes out what is on both sides, once for once.
fn drop_equal<'q, 'a>(
    gone: &mut Vec<Item<'q, 'a>>,
    new: &mut Vec<Item<'q, 'a>>,
    key: impl Fn(&Item<'q, 'a>) -> String,
) {
    let mut kept: Vec<(String, Item<'q, 'a>)> =
        new.drain(..).map(|item| (key(&item), item)).collect();
    gone.retain(|item| {
        let sought = key(item);
        let found = kept.iter().position(|(known, _)| *known == sought);
        found.map(|at| kept.remove(at)).is_none()
    });
    new.extend(kept.into_iter().map(|(_, item)| item));
}
