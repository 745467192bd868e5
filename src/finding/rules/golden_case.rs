//! Cases made of golden plans, for the rules' tests: plans of real servers with the catalog those servers had.

use crate::finding::case::{Case, Catalog, Column, Index, PlanView, Relation};
use crate::plan::{Plan, PlanMode, PlanWork, work};

/// A case that owns what it looks at.
pub(super) struct GoldenCase {
    plan: Plan,
    work: PlanWork,
    custom: Option<(Plan, PlanWork)>,
    operation: &'static str,
    statement_text: &'static str,
    mode: PlanMode,
    catalog: Catalog,
}

impl GoldenCase {
    /// The case of one golden plan.
    pub(super) fn read(version: u32, name: &str) -> Self {
        let (plan, work) = golden(version, name);
        GoldenCase {
            plan,
            work,
            custom: None,
            operation: "fetch",
            statement_text: "",
            mode: PlanMode::Custom,
            catalog: catalog(),
        }
    }

    pub(super) fn operation(mut self, operation: &'static str) -> Self {
        self.operation = operation;
        self
    }

    pub(super) fn statement_text(mut self, statement_text: &'static str) -> Self {
        self.statement_text = statement_text;
        self
    }

    pub(super) fn mode(mut self, mode: PlanMode) -> Self {
        self.mode = mode;
        self
    }

    /// Sets another golden plan beside a generic one: what PostgreSQL makes of the same statement when it looks at the values.
    pub(super) fn custom(mut self, version: u32, name: &str) -> Self {
        self.custom = Some(golden(version, name));
        self
    }

    /// Takes the catalog away, as where plans come out of a log.
    pub(super) fn without_catalog(mut self) -> Self {
        self.catalog = Catalog::default();
        self
    }

    /// Says how many dead rows a relation has.
    pub(super) fn with_dead_rows(mut self, relation: &str, dead: u64) -> Self {
        let mut relations = self.catalog.relations.iter_mut();
        if let Some(found) = relations.find(|found| found.name == relation) {
            found.dead_rows = Some(dead);
        }
        self
    }

    /// Takes every index away.
    pub(super) fn without_indexes(mut self) -> Self {
        for relation in &mut self.catalog.relations {
            relation.indexes.clear();
        }
        self
    }

    /// Puts a partial index in front of the relation's others.
    pub(super) fn with_index_first(mut self, relation: &str, name: &str, condition: &str) -> Self {
        let index = Index {
            name: name.to_owned(),
            relation: relation.to_owned(),
            columns: ["priority", "run_at", "id"].map(str::to_owned).to_vec(),
            predicate: Some(condition.to_owned()),
            ..Index::default()
        };
        let mut relations = self.catalog.relations.iter_mut();
        if let Some(found) = relations.find(|found| found.name == relation) {
            found.indexes.insert(0, index);
        }
        self
    }

    /// Adds an index.
    pub(super) fn with_index(
        mut self,
        relation: &str,
        name: &str,
        columns: &[&str],
        condition: Option<&str>,
    ) -> Self {
        let mut relations = self.catalog.relations.iter_mut();
        if let Some(found) = relations.find(|found| found.name == relation) {
            found
                .indexes
                .push(index(relation, name, columns, condition));
        }
        self
    }

    /// Adds a column that is generated from others.
    pub(super) fn with_generated_column(mut self, relation: &str, name: &str, from: &str) -> Self {
        let mut relations = self.catalog.relations.iter_mut();
        if let Some(found) = relations.find(|found| found.name == relation) {
            found.columns.push(Column {
                name: name.to_owned(),
                type_name: "boolean".to_owned(),
                default: Some(from.to_owned()),
                generated: true,
            });
        }
        self
    }

    /// Lets the statement have written so many full-page images, of the size they mostly have.
    pub(super) fn add_full_page_images(&mut self, images: u64) {
        self.work.total.wal.fpi += images;
        self.work.total.wal.bytes += images * 8_000;
    }

    pub(super) fn case(&self) -> Case<'_> {
        let view = |plan, work| PlanView {
            plan,
            work,
            rows: Plan::rows(plan),
        };
        let judged = Some(view(&self.plan, &self.work));
        let beside = self.custom.as_ref().map(|(plan, work)| view(plan, work));
        let (custom, generic) = if self.mode == PlanMode::Custom {
            (judged, None)
        } else {
            (beside, judged)
        };
        Case {
            queue: "",
            fixture: "",
            operation: self.operation,
            variant: "",
            statement: self.operation,
            statement_text: self.statement_text,
            batch_size: None,
            mode: self.mode,
            custom,
            generic,
            auto_plan: None,
            forced_plan_mode: None,
            catalog: &self.catalog,
        }
    }
}

fn golden(version: u32, name: &str) -> (Plan, PlanWork) {
    let path = format!(
        "{}/tests/plans/pg{version}/{name}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    let text = std::fs::read_to_string(path).unwrap();
    let plan = Plan::parse(&text).unwrap().remove(0);
    let worked = work(&plan);
    (plan, worked)
}

fn index(relation: &str, name: &str, columns: &[&str], predicate: Option<&str>) -> Index {
    Index {
        name: name.to_owned(),
        relation: relation.to_owned(),
        columns: columns.iter().map(ToString::to_string).collect(),
        definition: format!(
            "CREATE INDEX {name} ON public.{relation} USING btree ({})",
            columns.join(", ")
        ),
        predicate: predicate.map(str::to_owned),
        pages: 300,
    }
}

fn key(relation: &str, column: &str) -> Index {
    let name = format!("{relation}_pkey");
    let mut key = index(relation, &name, &[column], None);
    key.definition = key
        .definition
        .replace("CREATE INDEX", "CREATE UNIQUE INDEX");
    key
}

fn relation(name: &str, indexes: Vec<Index>) -> Relation {
    Relation {
        name: name.to_owned(),
        pages: 1_000,
        rows: 60_000,
        indexes,
        ..Relation::default()
    }
}

/// What `tests/plans/cases/` creates.
fn catalog() -> Catalog {
    const ORDER: [&str; 4] = ["queue", "priority", "run_at", "id"];
    const READY: Option<&str> = Some("(state = 'ready'::text)");
    let job = vec![key("job", "id"), index("job", "job_ready", &ORDER, READY)];
    let task = vec![
        key("task", "id"),
        index("task", "task_status", &["status"], None),
        index("task", "task_run_at", &["run_at"], None),
    ];
    let later = index("later", "later_claim", &ORDER[1..], None);
    let mut relations = vec![
        relation("job", job),
        relation("task", task),
        relation("later", vec![later]),
    ];
    relations.extend(claimed());
    Catalog {
        relations,
        ..Catalog::default()
    }
}

/// What `tests/plans/cases/claims.sql` creates besides.
fn claimed() -> Vec<Relation> {
    const ORDER: [&str; 4] = ["queue", "priority", "run_at", "id"];
    const READY: Option<&str> = Some("(state = 'ready'::text)");
    let mut mail = index("mail", "mail_ready", &ORDER, READY);
    mail.definition += " INCLUDE (attempts, max_attempts) WHERE (state = 'ready'::text)";
    let tail = ["queue", "priority", "public_id"];
    let mut ticket = relation(
        "ticket",
        vec![
            key("ticket", "public_id"),
            index("ticket", "ticket_ready", &tail, READY),
        ],
    );
    ticket.columns = vec![Column {
        name: "public_id".to_owned(),
        type_name: "uuid".to_owned(),
        default: Some("gen_random_uuid()".to_owned()),
        generated: false,
    }];
    let mut slot = relation(
        "slot",
        vec![key("slot", "id"), index("slot", "slot_order", &ORDER, None)],
    );
    slot.options = Some(vec!["fillfactor=100".to_owned()]);
    vec![
        relation(
            "backlog",
            vec![index("backlog", "backlog_ready", &ORDER[..2], READY)],
        ),
        relation("consumer", vec![key("consumer", "queue")]),
        relation("mail", vec![key("mail", "id"), mail]),
        relation("setting", vec![key("setting", "queue")]),
        slot,
        ticket,
    ]
}
