//! Entries understood: which statement, which shape, how many pages. What was seen before is remembered, so that most entries need no
//! more than a sketch.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, PoisonError, RwLock};

use super::after_root::{AfterRoot, NodePages};
use super::entry::{Body, Entry, Form};
use super::sketch::{self, Scratch, Sketch, sketch};
use super::surroundings;
use crate::plan::{Plan, PlanError, PlanNode, PlanShape, digest, text, work};
use crate::sql::normalise::{normalised, push_skeleton};
use crate::sql::token::{TokenKind, tokens};

/// So many structures or texts are remembered before all are forgotten and learnt anew.
const MOST_REMEMBERED: usize = 20_000;

/// Why an entry tells nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum EntryError {
    /// XML or YAML.
    #[error(
        "auto_explain entry in {format} format is not read; set auto_explain.log_format to json or text"
    )]
    Format {
        /// The format.
        format: &'static str,
    },
    /// Without a line that has costs.
    #[error(
        "auto_explain entry holds no plan: it is cut off, or another process wrote in between; let logging_collector collect the log"
    )]
    NoPlan,
    /// With something that is no plan.
    #[error("auto_explain entry is cut off or damaged: {0}")]
    Damaged(#[from] PlanError),
}

/// A plan's shape.
#[derive(Debug)]
pub(super) struct Shape {
    /// See [`PlanShape::id`].
    pub(super) id: String,
    /// The plan in one line.
    pub(super) digest: String,
    /// A plan that has it.
    pub(super) sample: Plan,
    pages: PagesOf,
}

/// How a statement's pages come from those of its nodes.
#[derive(Debug)]
enum PagesOf {
    /// They are the root's: no data-modifying CTE can run on after it.
    Root,
    /// One may.
    RootAndAfter(AfterRoot),
    /// The plan has to be read.
    Plan,
}

/// A statement.
#[derive(Debug)]
pub(super) struct Statement {
    /// Its identifier, if it has one.
    pub(super) query_id: Option<i64>,
    /// Its text, normalised.
    pub(super) text: String,
    /// Whether the identifier is its own, by which alone it is told from others. The one outside the plan is the same for all
    /// statements inside a function.
    own_id: bool,
}

impl Statement {
    fn key(&self) -> (Option<i64>, &str) {
        (self.query_id, if self.own_id { "" } else { &self.text })
    }
}

impl PartialEq for Statement {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Statement {}

impl Hash for Statement {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

/// What an entry says.
#[derive(Debug)]
pub(super) struct Understood {
    /// The statement.
    pub(super) statement: Arc<Statement>,
    /// The plan's shape.
    pub(super) shape: Arc<Shape>,
    /// Pages of the whole statement, `hit + read`.
    pub(super) pages: Option<u64>,
}

/// What has been learnt from entries so far, for all threads.
#[derive(Debug, Default)]
pub(super) struct Known {
    shapes: Memory<Shape>,
    statements: Memory<Statement>,
}

/// Reads the plan of an entry in full.
pub(super) fn read_plan(body: &Body<'_>) -> Result<Plan, EntryError> {
    let plain = body.plain();
    if sketch::is_json(plain.as_bytes()) {
        let plans = Plan::parse(&plain)?;
        return plans.into_iter().next().ok_or(EntryError::NoPlan);
    }
    if plain.starts_with("<explain") {
        return Err(EntryError::Format { format: "XML" });
    }
    if let Some(plan) = read_behind_query(&plain) {
        return Ok(plan?);
    }
    let is_yaml = plain.contains("\nPlan: ");
    Err(if is_yaml {
        EntryError::Format { format: "YAML" }
    } else {
        EntryError::NoPlan
    })
}

/// Reads a plan in text format behind its query. A query may itself hold the text of a plan, in a string or a comment: the plan begins
/// at the first root that stands in neither.
fn read_behind_query(plain: &str) -> Option<Result<Plan, PlanError>> {
    // Who writes plans into strings does not write many.
    let mut roots = sketch::root_lines(plain.as_bytes()).take(16).peekable();
    let first = *roots.peek()?;
    let root = roots.find(|root| {
        let query = sketch::query_in_text(plain.as_bytes().get(..*root).unwrap_or_default());
        !ends_within(&String::from_utf8_lossy(query))
    });
    let root = root.unwrap_or(first);
    if root == first {
        return Some(text::parse(plain));
    }
    let (head, plan) = plain.split_at_checked(root)?;
    let query = String::from_utf8_lossy(sketch::query_in_text(head.as_bytes())).into_owned();
    Some(text::parse(plan).map(|mut plan| {
        plan.query_text = Some(query);
        plan
    }))
}

/// Whether a string, a name or a comment is open at the end of a text.
fn ends_within(sql: &str) -> bool {
    let last = tokens(sql).last();
    last.is_some_and(|last| matches!(last.kind, TokenKind::Unterminated(_)))
}

/// The pages of a whole statement, `hit + read`; none where no node has any.
fn pages(plan: &Plan) -> Option<u64> {
    let counted = plan
        .preorder()
        .any(|position| position.node.buffers.is_some());
    counted.then(|| work(plan).total.buffers.total())
}

impl Shape {
    fn of(plan: Plan) -> Self {
        let writes = |node: &PlanNode| node.computes_cte().is_some() && node.is_modify_table();
        let may_run_on = plan.preorder().any(|position| writes(position.node));
        let after = may_run_on.then(|| AfterRoot::of(&plan));
        Shape {
            id: PlanShape::of(&plan).id(),
            digest: digest(&plan),
            pages: after.map_or(PagesOf::Root, |after| {
                after.map_or(PagesOf::Plan, PagesOf::RootAndAfter)
            }),
            sample: plan,
        }
    }

    /// The pages of a statement with this shape, if the sketch tells them: none where none were counted.
    fn pages(&self, sketch: &Sketch<'_>, nodes: &[NodePages]) -> Option<Option<u64>> {
        match &self.pages {
            _ if sketch.pages.is_none() => Some(None),
            PagesOf::Root => Some(sketch.pages),
            PagesOf::RootAndAfter(after) => after.pages(nodes).map(Some),
            PagesOf::Plan => None,
        }
    }
}

impl Known {
    /// Understands an entry. `scratch` is room for its sketch.
    pub(super) fn understand(
        &self,
        entry: &Entry<'_>,
        form: Form,
        scratch: &mut Scratch,
    ) -> Result<Understood, EntryError> {
        let body = &entry.body;
        let Some(sketch) = sketch(body, scratch) else {
            let plan = read_plan(body)?;
            let (own_id, pages) = (plan.query_identifier, pages(&plan));
            let query = plan.query_text.clone().unwrap_or_default();
            let statement = self.statement(entry, form, own_id, query.as_bytes(), Escapes::None);
            return Ok(Understood {
                statement,
                shape: Arc::new(Shape::of(plan)),
                pages,
            });
        };
        let (shape, pages) = self.shape(body, &sketch, scratch)?;
        let escapes = if sketch::is_json(&body.text) {
            Escapes::Json
        } else {
            Escapes::None
        };
        let statement = self.statement(entry, form, sketch.query_identifier, sketch.query, escapes);
        Ok(Understood {
            statement,
            shape,
            pages,
        })
    }

    /// The shape that goes with a structure, and the pages of this entry.
    fn shape(
        &self,
        body: &Body<'_>,
        sketch: &Sketch<'_>,
        scratch: &Scratch,
    ) -> Result<(Arc<Shape>, Option<u64>), EntryError> {
        let known = self.shapes.get(&scratch.structure);
        let quick = known
            .as_ref()
            .and_then(|shape| shape.pages(sketch, &scratch.nodes));
        if let (Some(shape), Some(pages)) = (&known, quick) {
            return Ok((Arc::clone(shape), pages));
        }
        let plan = read_plan(body)?;
        let pages = pages(&plan);
        let shape = known.unwrap_or_else(|| self.shapes.learn(&scratch.structure, Shape::of(plan)));
        Ok((shape, pages))
    }

    fn statement(
        &self,
        entry: &Entry<'_>,
        form: Form,
        own_id: Option<i64>,
        query: &[u8],
        escapes: Escapes,
    ) -> Arc<Statement> {
        let query_id = own_id.or_else(|| surroundings::query_id(entry, form));
        let mut key = Vec::with_capacity(query.len() + 10);
        key.push(
            u8::from(own_id.is_some())
                | u8::from(query_id.is_some()) << 1
                | u8::from(escapes == Escapes::Json) << 2,
        );
        key.extend_from_slice(&query_id.unwrap_or_default().to_le_bytes());
        push_skeleton(query, escapes == Escapes::Json, &mut key);
        self.statements.get(&key).unwrap_or_else(|| {
            let text = normalised(&escapes.resolved(query));
            self.statements.learn(
                &key,
                Statement {
                    query_id,
                    text,
                    own_id: own_id.is_some(),
                },
            )
        })
    }
}

/// How a query's text is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Escapes {
    None,
    Json,
}

impl Escapes {
    fn resolved(self, query: &[u8]) -> String {
        let plain = || String::from_utf8_lossy(query).into_owned();
        match self {
            Escapes::None => plain(),
            Escapes::Json => {
                let quoted = [b"\"", query, b"\""].concat();
                serde_json::from_slice(&quoted).unwrap_or_else(|_| plain())
            }
        }
    }
}

/// What goes with some bytes. It holds a bounded number of them.
#[derive(Debug)]
struct Memory<T>(RwLock<HashMap<Box<[u8]>, Arc<T>>>);

impl<T> Default for Memory<T> {
    fn default() -> Self {
        Memory(RwLock::default())
    }
}

impl<T> Memory<T> {
    fn get(&self, key: &[u8]) -> Option<Arc<T>> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.get(key).map(Arc::clone)
    }

    fn learn(&self, key: &[u8], value: T) -> Arc<T> {
        let value = Arc::new(value);
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST_REMEMBERED {
            known.clear();
        }
        known.insert(key.into(), Arc::clone(&value));
        value
    }
}
