//! A statement as its queries (itself, its CTEs, its subqueries) and their clauses: no more grammar than it takes to say what was
//! done to it. What is not understood is not guessed at.

use crate::finding::statement_text::RowLock;
use crate::sql::part::{Part, parts};
use crate::sql::token::TokenKind;

/// One query of a statement.
#[derive(Clone, Debug, Default)]
pub(super) struct Query<'a> {
    /// The query it stands in.
    pub(super) parent: Option<usize>,
    /// Its name, if it is a CTE.
    pub(super) cte: Option<&'a str>,
    /// Its clauses in order, those of queries within it left out.
    pub(super) clauses: Vec<Clause<'a>>,
}

/// One clause of a query.
#[derive(Clone, Debug)]
pub(super) struct Clause<'a> {
    /// What it is.
    pub(super) kind: ClauseKind,
    /// All of it.
    pub(super) parts: Vec<Part<'a>>,
    /// How many key words it begins with.
    keywords: usize,
}

impl<'a> Clause<'a> {
    /// What stands behind its key words.
    pub(super) fn body(&self) -> &[Part<'a>] {
        &self.parts[self.keywords..]
    }
}

/// What a clause is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClauseKind {
    With,
    Select,
    Insert,
    Update,
    Delete,
    Values,
    Set,
    From,
    Where,
    GroupBy,
    Having,
    Window,
    OrderBy,
    Limit,
    Offset,
    Fetch,
    Lock,
    Returning,
    OnConflict,
    SetOperation,
}

impl Query<'_> {
    /// The clause of a kind.
    pub(super) fn clause(&self, kind: ClauseKind) -> Option<&Clause<'_>> {
        self.clauses.iter().find(|clause| clause.kind == kind)
    }

    /// What it does.
    pub(super) fn verb(&self) -> Option<ClauseKind> {
        use ClauseKind::{Delete, Insert, Select, Update, Values};
        let verbs = [Select, Insert, Update, Delete, Values];
        let kinds = self.clauses.iter().map(|clause| clause.kind);
        kinds.into_iter().find(|kind| verbs.contains(kind))
    }

    /// Whether it stops after so many rows.
    pub(super) fn is_limited(&self) -> bool {
        self.clause(ClauseKind::Limit).is_some() || self.clause(ClauseKind::Fetch).is_some()
    }
}

/// The queries of a statement, itself first; none if it is not understood.
pub(super) fn queries(sql: &str) -> Option<Vec<Query<'_>>> {
    let mut parts = parts(sql);
    while parts.last()?.kind == TokenKind::Semicolon {
        parts.pop();
    }
    let is_readable = |part: &Part<'_>| {
        !matches!(
            part.kind,
            TokenKind::Semicolon
                | TokenKind::Unknown
                | TokenKind::Psql(_)
                | TokenKind::Unterminated(_)
        )
    };
    if !parts.iter().all(is_readable) {
        return None;
    }
    let mut reader = Reader {
        parts: &parts,
        queries: vec![Query::default()],
        current: 0,
        enclosing: Vec::new(),
        next_cte: None,
    };
    let mut at = 0;
    while at < parts.len() {
        at = reader.read(at)?;
    }
    let is_whole =
        reader.enclosing.is_empty() && reader.queries.iter().all(|query| query.verb().is_some());
    is_whole.then_some(reader.queries)
}

/// What an open parenthesis encloses.
enum Enclosed {
    /// An expression or a list.
    Expression,
    /// A query; behind it the one with this number goes on.
    Query(usize),
}

struct Reader<'p, 'a> {
    parts: &'p [Part<'a>],
    queries: Vec<Query<'a>>,
    current: usize,
    enclosing: Vec<Enclosed>,
    /// The name of the CTE that is to come.
    next_cte: Option<&'a str>,
}

impl<'a> Reader<'_, 'a> {
    /// Reads what stands at `at` and says where the rest begins.
    fn read(&mut self, at: usize) -> Option<usize> {
        let part = self.parts[at];
        let in_clauses = !matches!(self.enclosing.last(), Some(Enclosed::Expression));
        match part.kind {
            TokenKind::Open => {
                self.push(part)?;
                self.open(at);
            }
            TokenKind::Close => {
                if let Enclosed::Query(outer) = self.enclosing.pop()? {
                    self.current = outer;
                }
                self.push(part)?;
            }
            _ => {
                if let Some((kind, keywords)) = self.clause_at(at).filter(|_| in_clauses) {
                    self.begin(kind, &self.parts[at..at + keywords]);
                    return Some(at + keywords);
                }
                if in_clauses {
                    self.name_cte(part);
                }
                self.push(part)?;
            }
        }
        Some(at + 1)
    }

    fn push(&mut self, part: Part<'a>) -> Option<()> {
        self.queries[self.current]
            .clauses
            .last_mut()?
            .parts
            .push(part);
        Some(())
    }

    /// A parenthesis opens: a query begins behind it, or an expression.
    fn open(&mut self, at: usize) {
        let begins_query = ["select", "with", "insert", "update", "delete", "values"]
            .iter()
            .any(|word| {
                self.parts
                    .get(at + 1)
                    .is_some_and(|next| next.is_word(word))
            });
        if !begins_query {
            self.enclosing.push(Enclosed::Expression);
            return;
        }
        let left_out = Part {
            kind: TokenKind::Unknown,
            text: "…",
            spaced: false,
        };
        let in_with = self.kind() == Some(ClauseKind::With)
            && !matches!(self.enclosing.last(), Some(Enclosed::Expression));
        let cte = self.next_cte.filter(|_| in_with);
        // The clause is there: the parenthesis was pushed to it.
        let _ = self.push(left_out);
        self.enclosing.push(Enclosed::Query(self.current));
        self.queries.push(Query {
            parent: Some(self.current),
            cte,
            clauses: Vec::new(),
        });
        self.current = self.queries.len() - 1;
    }

    fn begin(&mut self, kind: ClauseKind, keywords: &[Part<'a>]) {
        if kind == ClauseKind::SetOperation {
            let Query { parent, cte, .. } = self.queries[self.current];
            self.queries.push(Query {
                parent,
                cte,
                clauses: Vec::new(),
            });
            self.current = self.queries.len() - 1;
        }
        self.queries[self.current].clauses.push(Clause {
            kind,
            parts: keywords.to_vec(),
            keywords: keywords.len(),
        });
    }

    /// Remembers the name at the start of an element of a WITH.
    fn name_cte(&mut self, part: Part<'a>) {
        let clauses = &self.queries[self.current].clauses;
        let Some(clause) = clauses
            .last()
            .filter(|clause| clause.kind == ClauseKind::With)
        else {
            return;
        };
        let is_first = clause.parts.last().is_some_and(|last| {
            last.kind == TokenKind::Comma || last.is_word("with") || last.is_word("recursive")
        });
        if is_first && part.is_name() && !part.is_word("recursive") {
            self.next_cte = Some(part.text);
        }
    }

    /// The clause being read.
    fn kind(&self) -> Option<ClauseKind> {
        self.queries[self.current]
            .clauses
            .last()
            .map(|clause| clause.kind)
    }

    /// The clause that begins at `at`, with the number of its key words.
    fn clause_at(&self, at: usize) -> Option<(ClauseKind, usize)> {
        use ClauseKind as K;
        let before = at.checked_sub(1).map(|before| &self.parts[before]);
        let is_name =
            before.is_some_and(|before| before.kind == TokenKind::Dot || before.is_word("as"));
        let is = |behind: usize, word: &str| {
            self.parts
                .get(at + behind)
                .is_some_and(|part| part.is_word(word))
        };
        let now = self.kind();
        let may_act = matches!(now, None | Some(K::With | K::SetOperation));
        let follows_distinct = before.is_some_and(|before| before.is_word("distinct"));
        if is_name || (now == Some(K::OnConflict) && !is(0, "returning")) {
            return None;
        }
        let many = |second: &[&str]| 1 + usize::from(second.iter().any(|word| is(1, word)));
        let found = match self.parts[at].text.to_ascii_lowercase().as_str() {
            "with" if now.is_none() => (K::With, 1),
            "select" => (K::Select, 1),
            "insert" if may_act && is(1, "into") => (K::Insert, 2),
            "update" if may_act => (K::Update, 1),
            "delete" if may_act && is(1, "from") => (K::Delete, 2),
            "values" if may_act || now == Some(K::Insert) => (K::Values, 1),
            "set" if now == Some(K::Update) => (K::Set, 1),
            "from" if !follows_distinct => (K::From, 1),
            "using" if now == Some(K::Delete) => (K::From, 1),
            "where" => (K::Where, 1),
            "group" if is(1, "by") => (K::GroupBy, 2),
            "having" => (K::Having, 1),
            "window" => (K::Window, 1),
            "order" if is(1, "by") => (K::OrderBy, 2),
            "limit" => (K::Limit, 1),
            "offset" => (K::Offset, 1),
            "fetch" if is(1, "first") || is(1, "next") => (K::Fetch, 2),
            "for" if RowLock::at_start_of(&self.parts[at..]).is_some() => (K::Lock, 1),
            "returning" => (K::Returning, 1),
            "on" if is(1, "conflict") => (K::OnConflict, 2),
            "union" | "intersect" | "except" => (K::SetOperation, many(&["all", "distinct"])),
            _ => return None,
        };
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line a query: where it stands, and its clauses.
    fn told(sql: &str) -> Option<Vec<String>> {
        let queries = queries(sql)?;
        let lines = queries.iter().map(|query| {
            let kinds: Vec<_> = query
                .clauses
                .iter()
                .map(|clause| format!("{:?}", clause.kind))
                .collect();
            let place = query.parent.map(|parent| format!("in {parent}: "));
            format!("{}{}", place.unwrap_or_default(), kinds.join(" "))
        });
        Some(lines.collect())
    }

    #[test]
    fn queries_stand_in_one_another() {
        assert_eq!(
            told("with recursive next (a, b) as materialized (select id from job order by a limit 1 for no key update of job skip locked), t as (delete from x using y returning 1)
                update job set a = 1, set = 2 from next where id = any(array(select 1 from y where a is distinct from b)) and exists (select) returning *;"),
            Some(vec![
                "With Update Set From Where Returning".to_owned(),
                "in 0: Select From OrderBy Limit Lock".to_owned(),
                "in 0: Delete From Returning".to_owned(),
                "in 0: Select From Where".to_owned(),
                "in 0: Select".to_owned(),
            ])
        );
        let sql = "with a as (select 1), \"B\" as (select 2) select * from a, \"B\", lateral (values (1))";
        let names: Vec<_> = queries(sql)
            .unwrap()
            .iter()
            .map(|query| query.cte)
            .collect();
        assert_eq!(names, [None, Some("a"), Some("\"B\""), None]);
        assert_eq!(
            told("insert into t (a, values) values (1, 2) on conflict (a) where b do update set a = 2 where t.a = 1 returning a").unwrap(),
            ["Insert Values OnConflict Returning"]
        );
        assert_eq!(
            told("select array_agg(a order by b) filter (where c) from d union all select extract(year from e) group by f").unwrap(),
            ["Select From", "SetOperation Select GroupBy"]
        );
    }

    #[test]
    fn what_is_not_understood_is_not_guessed_at() {
        for sql in [
            "",
            ";",
            "merge into a using b on c when matched then delete",
            "select 1; select 2",
            "select (1",
            "select 1)",
            "call f(1)",
            "select 'a",
            "do $$ begin end $$",
            "(select 1)",
            "where a",
            "select a from (with b)",
        ] {
            assert_eq!(told(sql), None, "{sql}");
        }
    }
}
