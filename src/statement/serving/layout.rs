//! A file's statements as they will be called: what is sent, and where each value comes from. Made once, for any number of sessions.

use tokio_postgres::Client;
use tokio_postgres::error::{DbError, ErrorPosition};
use tokio_postgres::types::Type;

use super::binding::{self, Origin, Place, Rows};
use super::columns::Columns;
use super::settled::{Command, KeyColumns};
use crate::definition::operation::Operation;
use crate::definition::queue::Queue;
use crate::definition::statement::{Expression, FETCHED, Parameter, Statement, StatementFile};
use crate::postgres::database::server_message;
use crate::sql::position::Position;
use crate::statement::relation::{ArrayColumn, Relation, array_type};
use crate::statement::value::{RawValue, type_of};
use crate::statement::{StatementError, evaluate, payload};

/// The column of a step-load that names a step. It tells no job, whatever its type.
pub const STEP_KEY: &str = "step_key";

/// Everything about a file that is the same for every session.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) operation: Operation,
    pub(super) steps: Vec<Step>,
    /// The statement whose rows are the operation's.
    pub(super) answering: usize,
    /// Whether a call has one job.
    pub(super) per_job: bool,
    /// The fetched column with the payload.
    pub(super) payload: Option<(usize, payload::Form)>,
    /// Names of the parameters that the caller gives.
    pub(super) given: Vec<String>,
    pub(super) notes: Vec<String>,
}

/// One statement.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) text: String,
    pub(super) types: Vec<Type>,
    pub(super) sources: Vec<Source>,
    pub(super) computed: Vec<Computed>,
    pub(super) columns: Columns,
    pub(super) command: Command,
    pub(super) keys: KeyColumns,
}

/// A parameter's value, or where it is found at each call.
#[derive(Debug)]
pub(super) enum Source {
    Found(Origin),
    Constant(RawValue),
    Computed(usize),
}

/// A query that evaluates a parameter for each call.
#[derive(Debug)]
pub(super) struct Computed {
    pub(super) text: String,
    pub(super) types: Vec<Type>,
    /// What it is given: whole columns as arrays of a type's values.
    pub(super) columns: Vec<(Place, u32)>,
}

impl Layout {
    /// The statement that tells whether a call with one job settled it: the one that answers, and where none returns rows the last one that
    /// changes some.
    pub(super) fn deciding(&self) -> usize {
        if !self.steps[self.answering].columns.is_empty() {
            return self.answering;
        }
        let changes = |step: &Step| step.command == Command::Changes;
        let last = self.steps.iter().rposition(changes);
        last.unwrap_or(self.answering)
    }

    /// Whether its statements need nothing of each other, so that they can be sent without waiting for an answer.
    pub(super) fn is_sent_at_once(&self) -> bool {
        self.steps.iter().all(|step| {
            let waits = |source: &Source| match source {
                Source::Found(Origin::Column { place, .. } | Origin::Value(place)) => {
                    place.rows > 0
                }
                _ => false,
            };
            step.computed.is_empty() && !step.sources.iter().any(waits)
        })
    }

    /// Finds out how the statements of a file are called; `fetched` is what the queue's fetch returns, where it feeds them.
    pub(super) async fn of(
        client: &Client,
        file: &StatementFile,
        fetched: Option<&Columns>,
    ) -> Result<Layout, StatementError> {
        let mut drawing = Drawing {
            client,
            file,
            fetched,
            earlier: Vec::new(),
            origins: Vec::new(),
            takes_one_job: false,
            notes: Vec::new(),
        };
        let mut steps = Vec::new();
        for statement in &file.statements {
            let step = drawing.step(statement).await?;
            let name = statement.name.clone().unwrap_or_default();
            drawing.earlier.push((name, step.columns.clone()));
            steps.push(step);
        }
        let operation = file.operation;
        let per_job = binding::is_per_job(operation, &drawing.origins, drawing.takes_one_job)
            .map_err(|reason| cannot(file, start(file), reason))?;
        let with_rows = |step: &Step| !step.columns.is_empty();
        let answering = steps.iter().rposition(with_rows);
        Ok(Layout {
            operation,
            answering: answering.unwrap_or(steps.len().saturating_sub(1)),
            steps,
            per_job,
            payload: None,
            given: drawing.given(),
            notes: drawing.notes,
        })
    }

    /// Finds the column of a fetch by which each of its jobs is known.
    pub(super) fn follow_jobs(
        &mut self,
        queue: &Queue,
        file: &StatementFile,
    ) -> Result<(), StatementError> {
        if self.operation == Operation::Fetch {
            let columns = &self.steps[self.answering].columns;
            let found = payload_column(queue, columns);
            self.payload = Some(found.map_err(|why| cannot(file, start(file), why))?);
        }
        Ok(())
    }
}

/// What is known of a file while its layout is made.
struct Drawing<'a> {
    client: &'a Client,
    file: &'a StatementFile,
    fetched: Option<&'a Columns>,
    /// Name and columns of the statements before.
    earlier: Vec<(String, Columns)>,
    origins: Vec<(&'a str, Origin)>,
    takes_one_job: bool,
    notes: Vec<String>,
}

impl<'a> Drawing<'a> {
    async fn step(&mut self, statement: &'a Statement) -> Result<Step, StatementError> {
        let (client, file) = (self.client, self.file);
        let names = statement.template.parameters();
        let parameters: Vec<&'a Parameter> = names
            .iter()
            .filter_map(|name| file.parameter(name))
            .collect();
        let mut types = Vec::new();
        for parameter in &parameters {
            let oid = evaluate::type_number(client, parameter)
                .await?
                .map_err(|message| cannot(file, parameter.position, message))?;
            types.push(type_of(oid));
        }
        let number = |name: &str| {
            let index = names.iter().position(|known| *known == name);
            index.map_or(0, |index| index + 1)
        };
        let bound = statement.template.bind(|name| format!("${}", number(name)));
        let prepared = client.prepare_typed(&bound.text, &types).await;
        let prepared = prepared.map_err(|error| {
            let position = match error.as_db_error().and_then(DbError::position) {
                Some(ErrorPosition::Original(position)) => *position as usize,
                _ => 1,
            };
            let place = file.position_in(statement, bound.source_offset(position));
            cannot(file, place, server_message(&error))
        })?;
        let mut step = Step {
            command: Command::of(&bound.text),
            text: bound.text,
            types: prepared.params().to_vec(),
            sources: Vec::new(),
            computed: Vec::new(),
            columns: Columns::of(prepared.columns()),
            keys: KeyColumns::default(),
        };
        for (parameter, type_) in parameters.into_iter().zip(prepared.params()) {
            self.add_source(&mut step, parameter, type_).await?;
        }
        step.keys = self.keys(&step);
        Ok(step)
    }

    /// Names of the parameters that the caller gives.
    fn given(&self) -> Vec<String> {
        let is_given = |origin: &Origin| matches!(origin, Origin::Given { .. });
        let given = self.origins.iter().filter(|(_, origin)| is_given(origin));
        given.map(|(name, _)| (*name).to_owned()).collect()
    }

    /// What expressions of the next statement may mention.
    fn rows(&self) -> Vec<Rows<'_>> {
        let fetched = Rows {
            name: FETCHED,
            columns: self.fetched,
        };
        let earlier = self.earlier.iter().map(|(name, columns)| Rows {
            name,
            columns: Some(columns),
        });
        std::iter::once(fetched).chain(earlier).collect()
    }

    async fn add_source(
        &mut self,
        step: &mut Step,
        parameter: &'a Parameter,
        type_: &Type,
    ) -> Result<(), StatementError> {
        let (client, file) = (self.client, self.file);
        let refuse = |reason| {
            let default = parameter.default.as_ref();
            let place = default.map_or(parameter.position, |default| default.position);
            cannot(file, place, reason)
        };
        let rows = self.rows();
        let origin = binding::origin(parameter, type_, file.operation, &rows).map_err(refuse)?;
        let source = match (origin, &parameter.default) {
            (Origin::Constant, Some(default)) => {
                let value = evaluate::value(client, parameter, default, &[]).await;
                Source::Constant(value.map_err(|(place, message)| cannot(file, place, message))?)
            }
            (Origin::Computed, Some(default)) => {
                let takes_one = binding::takes_one_job(default, &rows).map_err(refuse)?;
                let computed = self.computed(parameter, default, &rows).await?;
                self.takes_one_job |= takes_one;
                self.notes.push(format!(
                    "{}: {} is computed by the server before each call, one round trip more",
                    file.source.file_name(),
                    parameter.name
                ));
                step.computed.push(computed);
                Source::Computed(step.computed.len() - 1)
            }
            _ => Source::Found(origin),
        };
        self.origins.push((&parameter.name, origin));
        step.sources.push(source);
        Ok(())
    }

    async fn computed(
        &self,
        parameter: &Parameter,
        default: &Expression,
        rows: &[Rows<'_>],
    ) -> Result<Computed, StatementError> {
        let mut relations = Vec::new();
        let mut columns = Vec::new();
        for (index, rows) in rows.iter().enumerate() {
            let Some(known) = rows.columns.filter(|_| default.mentions(rows.name)) else {
                continue;
            };
            let mut relation = Relation {
                name: rows.name.to_owned(),
                columns: Vec::new(),
                left_out: Vec::new(),
            };
            for (column, (name, type_)) in known.iter().enumerate() {
                let place = Place {
                    rows: index,
                    column,
                };
                match array_type(self.client, type_.oid()).await? {
                    Some((oid, type_name)) => {
                        columns.push((place, type_.oid()));
                        relation.columns.push(ArrayColumn {
                            name: name.to_owned(),
                            type_name,
                            oid,
                            value: RawValue(None),
                        });
                    }
                    None => relation.left_out.push(format!("{name} ({})", type_.name())),
                }
            }
            relations.push(relation);
        }
        let (text, prefix) = evaluate::query_for(parameter, default, &relations);
        let types: Vec<Type> = relations
            .iter()
            .flat_map(|relation| &relation.columns)
            .map(|column| type_of(column.oid))
            .collect();
        let tried = self.client.prepare_typed(&text, &types).await;
        tried.map_err(|error| {
            let (place, message) =
                evaluate::refusal(parameter, default, &relations, &error, prefix);
            cannot(self.file, place, message)
        })?;
        Ok(Computed {
            text,
            types,
            columns,
        })
    }

    /// Pairs the returned columns with the fetched ones that the file is given: by name, or where one column is given and one of its
    /// type is returned, by type.
    fn keys(&self, step: &Step) -> KeyColumns {
        let Some(fetched) = self.fetched else {
            return KeyColumns::default();
        };
        let mut given: Vec<usize> = Vec::new();
        for (_, origin) in &self.origins {
            if let Origin::Column { place, .. } | Origin::Value(place) = origin
                && place.rows == 0
                && !given.contains(&place.column)
            {
                given.push(place.column);
            }
        }
        let returned = |index: &usize| {
            let (name, type_) = fetched.iter().nth(*index)?;
            let found = step.columns.position(name)?;
            (step.columns.type_at(found) == type_).then_some((found, *index))
        };
        let by_name: Vec<(usize, usize)> = given.iter().filter_map(returned).collect();
        if !by_name.is_empty() {
            return KeyColumns {
                pairs: by_name,
                are_named: true,
            };
        }
        let &[only] = given.as_slice() else {
            return KeyColumns::default();
        };
        let wanted = fetched.type_at(only);
        let mut alike = step
            .columns
            .iter()
            .enumerate()
            .filter(|(_, (name, type_))| *type_ == wanted && *name != STEP_KEY);
        match (alike.next(), alike.next()) {
            (Some((found, _)), None) => KeyColumns {
                pairs: vec![(found, only)],
                are_named: false,
            },
            _ => KeyColumns::default(),
        }
    }
}

/// The fetched column by which jobs are followed.
fn payload_column(queue: &Queue, columns: &Columns) -> Result<(usize, payload::Form), String> {
    if columns.is_empty() {
        return Err(
            "it returns no rows, so nobody learns which jobs were fetched: add `returning …`"
                .to_owned(),
        );
    }
    let Some(name) = &queue.payload else {
        return Err(format!(
            "jobs are followed by their payload, and queue {} does not say which column carries it: add `payload = \"…\"` to its definition",
            queue.name
        ));
    };
    let Some(index) = columns.position(name) else {
        return Err(format!(
            "jobs are followed by their payload, and the fetch does not return column {name}: return it, or correct `payload` in the queue's definition; {}",
            columns.instead_of(name)
        ));
    };
    let type_ = binding::base(columns.type_at(index));
    let form = payload::Form::of(type_).ok_or_else(|| {
        format!(
            "the payload {name} is {}, which holds no JSON: return it as jsonb, json, text or bytea",
            type_.name()
        )
    })?;
    Ok((index, form))
}

fn start(file: &StatementFile) -> Position {
    file.statements
        .last()
        .map_or(file.source.position(0), |last| file.position_in(last, 0))
}

fn cannot(file: &StatementFile, position: Position, reason: String) -> StatementError {
    StatementError::CannotServe {
        path: file.source.path.clone(),
        position,
        reason,
    }
}
