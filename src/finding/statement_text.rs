//! What the SQL of a statement tells that its plan does not: what is a literal and what a parameter, which columns it writes, and
//! whether it waits for rows that others have locked.
//!
//! No more than queues need: `column = value` anywhere in the text, `set column = …`, and the locking clause. A text that is not
//! known is empty and tells nothing.

use crate::sql::part::{Part, parts};
use crate::sql::token::TokenKind;

/// What a column is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operand {
    /// Something the planner can always look at.
    Literal,
    /// Something that is bound later: `$1` or `:name`.
    Parameter,
}

/// What the first `column = …` outside the list of assignments has on its right side; none if that is neither a literal nor a
/// parameter, or there is none. A custom plan shows literals for parameters too.
#[must_use]
pub fn compared_with(sql: &str, column: &str) -> Option<Operand> {
    equations(sql)
        .into_iter()
        .filter(|equation| !equation.is_assignment && equation.column.eq_ignore_ascii_case(column))
        .find_map(|equation| equation.operand)
}

/// Whether the statement gives the column a new value: `set column = …`, `set (column, …) = …`.
#[must_use]
pub fn assigns(sql: &str, column: &str) -> bool {
    assigned_columns(sql)
        .iter()
        .any(|assigned| assigned.eq_ignore_ascii_case(column))
}

/// The columns that the statement gives new values, as it writes them.
#[must_use]
pub fn assigned_columns(sql: &str) -> Vec<&str> {
    let assignments = equations(sql)
        .into_iter()
        .filter(|equation| equation.is_assignment);
    assignments.map(|equation| equation.column).collect()
}

/// What a locking clause does where another transaction was faster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockPolicy {
    /// It waits for the other to end.
    Wait,
    /// It passes over the row: `skip locked`.
    Skip,
    /// It is an error: `nowait`.
    Fail,
}

/// What each clause does that locks rows to change them: `for update` and `for no key update`, in their order.
#[must_use]
pub fn lock_policies(sql: &str) -> Vec<LockPolicy> {
    let parts = parts(sql);
    let locks = (0..parts.len()).filter_map(|at| RowLock::at_start_of(&parts[at..]));
    locks
        .filter(|lock| lock.to_change)
        .map(|lock| lock.policy)
        .collect()
}

/// For each clause that locks rows to change them and waits where another transaction was faster, the names among which are those of
/// the tables it locks: behind its `of`, or else those in the FROM of its query.
#[must_use]
pub fn waiting_locks(sql: &str) -> Vec<Vec<&str>> {
    let parts = parts(sql);
    let locks = (0..parts.len()).filter_map(|at| Some((at, RowLock::at_start_of(&parts[at..])?)));
    locks
        .filter(|(_, lock)| lock.to_change && lock.policy == LockPolicy::Wait)
        .map(|(at, lock)| {
            let mut clause = parts[at..at + lock.length].iter();
            match clause.find(|part| part.is_word("of")) {
                Some(_) => names(clause),
                None => names_in_from(&parts[..at]),
            }
        })
        .collect()
}

/// For each clause that locks rows to change them and names no tables (`of`), the names among which are those of the tables it locks: all
/// of the FROM of its query.
#[must_use]
pub fn locks_without_of(sql: &str) -> Vec<Vec<&str>> {
    let parts = parts(sql);
    let locks = (0..parts.len()).filter_map(|at| Some((at, RowLock::at_start_of(&parts[at..])?)));
    locks
        .filter(|(at, lock)| {
            let clause = parts.get(*at..at.saturating_add(lock.length));
            lock.to_change
                && !clause
                    .unwrap_or_default()
                    .iter()
                    .any(|part| part.is_word("of"))
        })
        .map(|(at, _)| names_in_from(&parts[..at]))
        .collect()
}

/// The number behind the LIMIT that a locking clause follows, if it is written out and there is one such clause: `limit 10 for update`.
#[must_use]
pub fn literal_limit(sql: &str) -> Option<u64> {
    let parts = parts(sql);
    let locks = (0..parts.len()).filter(|at| RowLock::at_start_of(&parts[*at..]).is_some());
    let [at] = locks.collect::<Vec<_>>()[..] else {
        return None;
    };
    let number = parts.get(at.checked_sub(1)?)?;
    let is_limit = parts.get(at.checked_sub(2)?)?.is_word("limit");
    let number = number.text.parse().ok();
    number.filter(|_| is_limit)
}

/// The tables that the statement updates, by the name without schema, each with the columns it gives new values.
#[must_use]
pub fn updates(sql: &str) -> Vec<(&str, Vec<&str>)> {
    let parts = parts(sql);
    let starts = (0..parts.len()).filter(|at| {
        // Neither a locking clause (`for update`, `for no key update`) nor `on conflict … do update`.
        let before = at.checked_sub(1).and_then(|before| parts.get(before));
        let other = ["for", "key", "do", "on", "after", "before", "or"];
        parts[*at].is_word("update")
            && !before.is_some_and(|before| other.iter().any(|word| before.is_word(word)))
    });
    starts
        .filter_map(|at| {
            let rest = parts.get(at + 1..)?;
            let set = rest.iter().position(|part| part.is_word("set"))?;
            let name = table_name(&rest[..set])?;
            let assigned = equations_of(&rest[..end_of_query(rest)])
                .into_iter()
                .filter(|equation| equation.is_assignment);
            Some((name, assigned.map(|equation| equation.column).collect()))
        })
        .collect()
}

/// The table that `update` is of, given what stands between that and `set`: `only public.job as j`.
fn table_name<'a>(parts: &[Part<'a>]) -> Option<&'a str> {
    let mut at = usize::from(parts.first()?.is_word("only"));
    while parts
        .get(at + 1)
        .is_some_and(|part| part.kind == TokenKind::Dot)
    {
        at += 2;
    }
    let name = parts.get(at).filter(|part| part.is_name())?;
    Some(name.text.trim_matches('"'))
}

/// Where the query ends that `parts` begin in.
fn end_of_query(parts: &[Part<'_>]) -> usize {
    let mut depth = 0_i64;
    let end = parts.iter().position(|part| {
        match part.kind {
            TokenKind::Open => depth += 1,
            TokenKind::Close => depth -= 1,
            _ => (),
        }
        depth < 0 || part.kind == TokenKind::Semicolon
    });
    end.unwrap_or(parts.len())
}

/// The names in the FROM of the query that `parts` end in, without those of queries within it.
fn names_in_from<'a>(parts: &[Part<'a>]) -> Vec<&'a str> {
    const ENDS: [&str; 7] = [
        "where", "group", "having", "window", "order", "limit", "fetch",
    ];
    let mut depth = 0_usize;
    let mut level: Vec<&Part<'a>> = Vec::new();
    for part in parts.iter().rev() {
        match part.kind {
            TokenKind::Close => depth += 1,
            TokenKind::Open if depth == 0 => break,
            TokenKind::Open => depth -= 1,
            _ if depth == 0 => level.push(part),
            _ => (),
        }
    }
    level.reverse();
    let from = level
        .windows(2)
        .position(|pair| pair[1].is_word("from") && !pair[0].is_word("distinct"));
    let tables = from.map_or(&[][..], |from| &level[from + 2..]);
    let is_in_from = |part: &&&Part<'_>| !ENDS.iter().any(|word| part.is_word(word));
    names(tables.iter().take_while(is_in_from).copied())
}

fn names<'p, 'a: 'p>(parts: impl Iterator<Item = &'p Part<'a>>) -> Vec<&'a str> {
    let names = parts.filter(|part| part.is_name());
    names.map(|part| part.text.trim_matches('"')).collect()
}

/// A locking clause: `for update of job skip locked`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowLock {
    /// Whether rows are locked to change them (`update`, `no key update`), not to keep others from it.
    pub to_change: bool,
    /// What it does where another transaction was faster.
    pub policy: LockPolicy,
    /// How many parts the clause takes without the words for that: `for update of job`.
    pub length: usize,
}

impl RowLock {
    /// The locking clause that `parts` begin with, if they begin with one.
    #[must_use]
    pub fn at_start_of(parts: &[Part<'_>]) -> Option<RowLock> {
        let strengths: [(bool, &[&str]); 4] = [
            (true, &["for", "update"]),
            (true, &["for", "no", "key", "update"]),
            (false, &["for", "share"]),
            (false, &["for", "key", "share"]),
        ];
        let is = |at: usize, word: &str| parts.get(at).is_some_and(|part| part.is_word(word));
        let (to_change, words) = strengths
            .into_iter()
            .find(|(_, words)| words.iter().enumerate().all(|(at, word)| is(at, word)))?;
        let mut length = words.len();
        if is(length, "of") {
            // A list of names, which ends where no comma goes on.
            length += 2;
            while parts.get(length).is_some_and(goes_on) {
                length += 2;
            }
        }
        let policy = if is(length, "skip") {
            LockPolicy::Skip
        } else if is(length, "nowait") {
            LockPolicy::Fail
        } else {
            LockPolicy::Wait
        };
        Some(RowLock {
            to_change,
            policy,
            length: length.min(parts.len()),
        })
    }
}

/// Whether a function is called that takes an advisory lock: `pg_try_advisory_xact_lock(…)` and its kin.
#[must_use]
pub fn names_advisory_lock(sql: &str) -> bool {
    let takes_one = |part: &Part<'_>| {
        let name = part.text.to_ascii_lowercase();
        part.kind == TokenKind::Word
            && ["pg_try_advisory_", "pg_advisory_"]
                .iter()
                .any(|prefix| name.starts_with(prefix))
            && !name.starts_with("pg_advisory_unlock")
    };
    parts(sql).iter().any(takes_one)
}

/// Whether a list or a qualified name goes on behind it.
fn goes_on(part: &Part<'_>) -> bool {
    matches!(part.kind, TokenKind::Comma | TokenKind::Dot)
}

/// What a part of a statement is as one side of a comparison; none if it is neither a literal nor a parameter.
#[must_use]
pub fn operand(part: &Part<'_>) -> Option<Operand> {
    match part.kind {
        TokenKind::String | TokenKind::DollarQuoted | TokenKind::Number => Some(Operand::Literal),
        TokenKind::Word if part.is_word("true") || part.is_word("false") => Some(Operand::Literal),
        TokenKind::Parameter | TokenKind::PositionalParameter => Some(Operand::Parameter),
        _ => None,
    }
}

/// `column = …`
struct Equation<'a> {
    column: &'a str,
    is_assignment: bool,
    operand: Option<Operand>,
}

fn equations(sql: &str) -> Vec<Equation<'_>> {
    equations_of(&parts(sql))
}

fn equations_of<'a>(parts: &[Part<'a>]) -> Vec<Equation<'a>> {
    let mut found = Vec::new();
    let (mut depth, mut assignments_at) = (0_i64, None);
    for (at, part) in parts.iter().enumerate() {
        match part.kind {
            TokenKind::Open => depth += 1,
            TokenKind::Close => depth -= 1,
            _ => (),
        }
        let is_end = ["where", "from", "returning"]
            .iter()
            .any(|word| part.is_word(word));
        if part.is_word("set") {
            assignments_at = Some(depth);
        } else if assignments_at.is_some_and(|outer| depth < outer || (depth == outer && is_end))
            || part.kind == TokenKind::Semicolon
        {
            assignments_at = None;
        }
        let before = at.checked_sub(1).map(|before| &parts[before]);
        let is_assigned =
            before.is_some_and(|before| before.is_word("set") || before.kind == TokenKind::Comma);
        if part.kind == TokenKind::Open && is_assigned && assignments_at == Some(depth - 1) {
            found.extend(row_assignment(&parts[at + 1..]));
        }
        let Some(value) = value_at(parts, at) else {
            continue;
        };
        let in_assignments = assignments_at == Some(depth);
        // What a CASE among the assignments compares is no condition on the rows.
        if in_assignments && !is_assigned {
            continue;
        }
        found.push(Equation {
            column: part.text.trim_matches('"'),
            is_assignment: in_assignments,
            operand: parts
                .get(value..)
                .unwrap_or_default()
                .iter()
                .find(|part| part.kind != TokenKind::Open)
                .and_then(operand),
        });
    }
    found
}

/// The columns of `(a, b) = …`, given what follows the parenthesis.
fn row_assignment<'a>(parts: &[Part<'a>]) -> impl Iterator<Item = Equation<'a>> {
    let columns = parts
        .iter()
        .take_while(|part| part.kind != TokenKind::Close)
        .filter(|part| part.is_name());
    columns.map(|column| Equation {
        column: column.text.trim_matches('"'),
        is_assignment: true,
        operand: None,
    })
}

/// Where the right side begins, if the name at `at` stands left of an equals sign, with or without a cast.
fn value_at(parts: &[Part<'_>], at: usize) -> Option<usize> {
    let mut next = at + 1;
    if !parts[at].is_name() {
        return None;
    }
    if parts.get(next)?.kind == TokenKind::Cast {
        next += 2;
    }
    let is_operator = |at: usize| {
        parts
            .get(at)
            .is_some_and(|part| part.kind == TokenKind::Operator)
    };
    // Operators come one character at a time: `=>` is none of ours.
    (is_operator(next) && parts[next].text == "=" && !is_operator(next + 1)).then_some(next + 1)
}

#[cfg(test)]
mod tests {
    use super::{
        LockPolicy, Operand, assigned_columns, assigns, compared_with, literal_limit,
        lock_policies, locks_without_of, names_advisory_lock, updates, waiting_locks,
    };

    const CLAIM: &str = "-- status = 'in a comment'
        update job j set status = 'running', n = case when attempts = 3 then 1 else 2 end, worker = :worker
        where id in (select id from job where queue=$1 and j.status = :status and kind::text = 'mail' and substate = 'x'
                     and due = (now()) order by id limit 10 for update)";

    #[test]
    fn literals_are_told_from_parameters() {
        assert_eq!(compared_with(CLAIM, "queue"), Some(Operand::Parameter));
        assert_eq!(compared_with(CLAIM, "kind"), Some(Operand::Literal));
        assert_eq!(compared_with(CLAIM, "substate"), Some(Operand::Literal));
        assert_eq!(compared_with(CLAIM, "state"), None);
        assert_eq!(compared_with(CLAIM, "due"), None);
        assert_eq!(
            compared_with("where done = false", "done"),
            Some(Operand::Literal)
        );
        assert_eq!(
            compared_with("where \"Queue\" = (('a'))", "Queue"),
            Some(Operand::Literal)
        );
        assert_eq!(compared_with("", "queue"), None);
    }

    #[test]
    fn an_assignment_is_no_comparison() {
        assert_eq!(compared_with(CLAIM, "status"), Some(Operand::Parameter));
        assert_eq!(compared_with(CLAIM, "attempts"), None);
        assert!(assigns(CLAIM, "status") && assigns(CLAIM, "worker"));
        assert!(!assigns(CLAIM, "queue") && !assigns(CLAIM, "id"));
        let row = "update t set (a, \"B\") = (1, c), d = 2 where (e, f) = (1, 2)";
        assert_eq!(assigned_columns(row), ["a", "B", "d"]);
        let nested = "with a as (update t set x = 1) update u set y = 2 where x = 3";
        assert!(assigns(nested, "x") && assigns(nested, "y"));
        assert_eq!(compared_with(nested, "x"), Some(Operand::Literal));
    }

    #[test]
    fn a_lock_waits_unless_told_not_to() {
        assert_eq!(waiting_locks(CLAIM), [["job"]]);
        assert_eq!(
            waiting_locks("select 1 from a, b c FOR NO KEY UPDATE OF \"A\", c"),
            [["A", "c"]]
        );
        assert_eq!(
            waiting_locks(
                "with x as (select 1 from a limit 1 for update skip locked)
                 select (select 1 from e) from b where c is distinct from d and f in (select 1 from g) order by h for update"
            ),
            [["b"]]
        );
        assert_eq!(
            waiting_locks("select 1 from (select 1 from a) for update"),
            [[""; 0]]
        );
        for quiet in [
            "select 1 from a for update skip locked",
            "select 1 from a, b for update of a, b skip locked",
            "select 1 from a for no key update nowait",
            "select substring('abc' for 2) -- for update",
            "update a set b = 1",
            "",
        ] {
            assert!(waiting_locks(quiet).is_empty(), "{quiet}");
        }
    }

    #[test]
    fn a_lock_without_of_is_of_all_that_is_joined() {
        let joined = "select j.id from job j join setting s on s.queue = j.queue where a = 1 limit 5 for update skip locked";
        let names = locks_without_of(joined).remove(0);
        assert!(names.contains(&"job") && names.contains(&"setting") && !names.contains(&"a"));
        for quiet in [
            "select 1 from a, b for update of a skip locked",
            "select 1 from a, b for share",
            "",
        ] {
            assert!(locks_without_of(quiet).is_empty(), "{quiet}");
        }
    }

    #[test]
    fn a_limit_is_known_where_it_is_a_number_in_front_of_the_only_lock() {
        assert_eq!(
            literal_limit("select 1 from a limit 10 FOR UPDATE skip locked"),
            Some(10)
        );
        for unknown in [
            "select 1 from a limit $1 for update",
            "select 1 from a limit 10",
            "select 1 from a where b = 3 for update",
            "with a as (select 1 from a limit 1 for update) select 1 from b limit 2 for update",
            "for update",
            "",
        ] {
            assert_eq!(literal_limit(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn each_table_has_the_columns_it_is_given() {
        let sql = "with a as (update only public.\"Job\" as j set state = 'x', (b, c) = (1, 2) from (select 1 from d where e = 2) as f
                       where j.g = 3 returning j.h),
                   i as (select k from l for no key update)
                   insert into m values (1) on conflict (n) do update set o = 1";
        assert_eq!(updates(sql), [("Job", vec!["state", "b", "c"])]);
        assert_eq!(
            updates("update a set b = (select c from d where e = 1), f = 2; update g set h = 3"),
            [("a", vec!["b", "f"]), ("g", vec!["h"])]
        );
        for none in ["select 1 from a for update", "update", "update set", ""] {
            assert!(updates(none).is_empty(), "{none}");
        }
    }

    #[test]
    fn each_locking_clause_has_its_policy() {
        assert_eq!(
            lock_policies(
                "with a as (select 1 from a for update skip locked), b as (select 1 from b for update nowait) \
                 select 1 from c for no key update of c"
            ),
            [LockPolicy::Skip, LockPolicy::Fail, LockPolicy::Wait]
        );
        assert_eq!(lock_policies("select 1 from a for share"), []);
    }

    #[test]
    fn advisory_locks_are_named_by_the_functions_that_take_them() {
        assert!(names_advisory_lock(
            "select 1 from a where PG_TRY_ADVISORY_XACT_LOCK(id)"
        ));
        assert!(names_advisory_lock("select pg_advisory_lock(1)"));
        for quiet in [
            "select pg_advisory_unlock(1)",
            "select 'pg_advisory_lock' -- pg_advisory_lock(1)",
            "",
        ] {
            assert!(!names_advisory_lock(quiet), "{quiet}");
        }
    }
}
