//! The calls themselves: values written where they are sent from, statements sent together where that is possible.

use std::error::Error as StdError;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;

use bytes::{BufMut, BytesMut};
use futures_util::future::{MaybeDone, maybe_done};
use futures_util::{FutureExt, TryStreamExt};
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Error, Row};

use super::binding::{Origin, Place};
use super::input::Extent;
use super::layout::Source;
use super::{Answer, FetchedJob, Input, Part, Serving, raw};
use crate::definition::operation::Operation;
use crate::statement::array;
use crate::statement::value::RawValue;

/// Rows that room is made for before they are there, at most: 72 bytes each.
const MOST_EXPECTED_ROWS: usize = 10_000;

/// One call: the jobs it has, and what is known by then.
#[derive(Clone, Copy, Debug)]
struct Call<'a> {
    input: &'a Input<'a>,
    /// The index of its first job.
    first: usize,
    /// How many jobs it has: fetched ones, or new ones where it adds jobs.
    count: usize,
    /// What the statements before came to.
    earlier: &'a [Part],
    /// The parameters that were computed for it.
    computed: &'a [RawValue],
}

impl<'a> Call<'a> {
    fn jobs(&self) -> &'a [&'a FetchedJob] {
        let jobs = self.input.jobs;
        let end = (self.first + self.count).min(jobs.len());
        jobs.get(self.first..end).unwrap_or_default()
    }

    /// How many rows there are of those that an expression may mention.
    fn rows(&self, rows: usize) -> usize {
        match rows.checked_sub(1) {
            None => self.jobs().len(),
            Some(earlier) => self.earlier.get(earlier).map_or(0, |part| part.rows.len()),
        }
    }

    fn value(&self, place: Place, index: usize) -> Option<&'a [u8]> {
        let row: &'a Row = match place.rows.checked_sub(1) {
            None => {
                let job: &'a FetchedJob = self.jobs().get(index)?;
                job.row()
            }
            Some(earlier) => self.earlier.get(earlier)?.rows.get(index)?,
        };
        raw(row, place.column)
    }

    /// Writes a whole column as an array.
    fn write_column(&self, place: Place, element: u32, out: &mut BytesMut) {
        array::write(element, self.rows(place.rows), out, |index, out| {
            self.value(place, index).map(|bytes| out.put_slice(bytes))
        });
    }

    /// Writes what an origin says; none is null.
    fn write(&self, origin: Origin, out: &mut BytesMut) -> Option<()> {
        match origin {
            Origin::Given {
                given,
                form,
                element: None,
            } => given.write(form, self.input, self.first, out),
            Origin::Given {
                given,
                form,
                element: Some(element),
            } => {
                let (first, count) = match given.extent() {
                    Extent::Queue => (0, self.input.queues.len()),
                    Extent::Call | Extent::Job | Extent::NewJob => (self.first, self.count),
                };
                array::write(element, count, out, |index, out| {
                    given.write(form, self.input, first + index, out)
                });
                Some(())
            }
            Origin::Column { place, element } => {
                self.write_column(place, element, out);
                Some(())
            }
            Origin::Value(place) => self.value(place, 0).map(|bytes| out.put_slice(bytes)),
            // These two have their values already.
            Origin::Constant | Origin::Computed => None,
        }
    }
}

/// A value that is written where it is sent from.
#[derive(Debug)]
struct Slot<'a> {
    source: &'a Source,
    call: &'a Call<'a>,
}

impl ToSql for Slot<'_> {
    fn to_sql(
        &self,
        type_: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        let written = match self.source {
            Source::Found(origin) => self.call.write(*origin, out),
            Source::Constant(value) => return value.to_sql(type_, out),
            Source::Computed(index) => match self.call.computed.get(*index) {
                Some(value) => return value.to_sql(type_, out),
                None => None,
            },
        };
        Ok(written.map_or(IsNull::Yes, |()| IsNull::No))
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// A column given to a query that computes a parameter.
#[derive(Debug)]
struct ColumnSlot<'a> {
    place: Place,
    element: u32,
    call: &'a Call<'a>,
}

impl ToSql for ColumnSlot<'_> {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        self.call.write_column(self.place, self.element, out);
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// What is under way: a statement, or the beginning or end of a transaction.
type UnderWay<'a> = Pin<Box<dyn Future<Output = Result<Part, Error>> + Send + 'a>>;

impl Serving {
    /// Calls it. Several statements are a transaction of their own, and so is each job's call where a call has one job.
    ///
    /// # Errors
    /// What the server says, or that the connection is gone.
    pub async fn call(&self, client: &Client, input: &Input<'_>) -> Result<Answer, Error> {
        let mut calls = self.calls(input);
        let single = self.steps.len() == 1;
        if single && calls.len() == 1 {
            let part = self.step(client, 0, calls.remove(0)).await?;
            return Ok(self.answer(vec![part]));
        }
        let mut parts = Vec::with_capacity(calls.len() * self.steps.len());
        for call in calls {
            if single {
                parts.push(self.step(client, 0, call).await?);
            } else {
                parts.extend(self.transaction(client, call).await?);
            }
        }
        Ok(self.answer(parts))
    }

    /// Calls it so many times, each time as [`Serving::call`] does, or within the transaction that is open. One statement is sent without
    /// waiting for the answers to those before.
    ///
    /// # Errors
    /// As [`Serving::call`].
    pub async fn call_again_and_again(
        &self,
        client: &Client,
        input: &Input<'_>,
        times: usize,
        is_within: bool,
    ) -> Result<Vec<Answer>, Error> {
        let call = || async {
            match is_within {
                true => self.call_within(client, input).await,
                false => self.call(client, input).await,
            }
        };
        if self.steps.len() == 1 && self.layout.is_sent_at_once() {
            let calls = (0..times).map(|_| Box::pin(call()));
            return in_order(calls.collect()).await.into_iter().collect();
        }
        let mut answers = Vec::with_capacity(times);
        for _ in 0..times {
            answers.push(call().await?);
        }
        Ok(answers)
    }

    /// Calls it inside a transaction that is open.
    ///
    /// # Errors
    /// As [`Serving::call`]; the transaction has failed then.
    pub async fn call_within(&self, client: &Client, input: &Input<'_>) -> Result<Answer, Error> {
        let calls = self.calls(input);
        let mut parts = Vec::with_capacity(calls.len() * self.steps.len());
        if self.layout.is_sent_at_once() {
            for part in in_order(self.under_way(client, &calls)).await {
                parts.push(part?);
            }
        } else {
            for call in calls {
                parts.extend(self.one_by_one(client, call).await?);
            }
        }
        Ok(self.answer(parts))
    }

    /// The calls that an input takes.
    fn calls<'a>(&self, input: &'a Input<'a>) -> Vec<Call<'a>> {
        let jobs = if self.layout.operation == Operation::Enqueue {
            input.new_jobs.len()
        } else {
            input.jobs.len()
        };
        let call = |first, count| Call {
            input,
            first,
            count,
            earlier: &[],
            computed: &[],
        };
        if self.layout.per_job {
            (0..jobs).map(|first| call(first, 1)).collect()
        } else {
            vec![call(0, jobs)]
        }
    }

    async fn transaction(&self, client: &Client, call: Call<'_>) -> Result<Vec<Part>, Error> {
        if self.layout.is_sent_at_once() {
            let calls = [call];
            return sent_together(client, self.under_way(client, &calls)).await;
        }
        let work = async { self.one_by_one(client, call).await };
        in_transaction(client, work).await
    }

    /// Every statement of every call, none of them sent yet.
    fn under_way<'a>(&'a self, client: &'a Client, calls: &'a [Call<'a>]) -> Vec<UnderWay<'a>> {
        let steps = 0..self.steps.len();
        calls
            .iter()
            .flat_map(|call| steps.clone().map(move |step| (step, *call)))
            .map(|(step, call)| self.run(client, step, call).boxed())
            .collect()
    }

    /// One statement after the other, each knowing what those before it returned.
    async fn one_by_one(&self, client: &Client, call: Call<'_>) -> Result<Vec<Part>, Error> {
        let mut parts: Vec<Part> = Vec::with_capacity(self.steps.len());
        for step in 0..self.steps.len() {
            let call = Call {
                earlier: &parts,
                ..call
            };
            let part = self.step(client, step, call).await?;
            parts.push(part);
        }
        Ok(parts)
    }

    /// One statement, its parameters computed first where they have to be.
    async fn step(&self, client: &Client, step: usize, call: Call<'_>) -> Result<Part, Error> {
        let queries = &self.layout.steps[step].computed;
        if queries.is_empty() {
            return self.run(client, step, call).await;
        }
        let under_way = queries.iter().zip(&self.steps[step].computed);
        let under_way = under_way.map(|(query, statement)| {
            let slots = query.columns.iter().map(|&(place, element)| ColumnSlot {
                place,
                element,
                call: &call,
            });
            Box::pin(async {
                let rows = client.query_raw(statement, slots).await?;
                let rows: Vec<Row> = rows.try_collect().await?;
                Ok(rows.first().map_or(RawValue(None), |row| row.get(0)))
            })
        });
        let computed: Result<Vec<RawValue>, Error> =
            in_order(under_way.collect()).await.into_iter().collect();
        let computed = computed?;
        let call = Call {
            computed: &computed,
            ..call
        };
        self.run(client, step, call).await
    }

    /// About how many rows a statement returns, so that they need not be moved while they come.
    fn expected_rows(&self, call: Call<'_>) -> usize {
        let jobs = match self.layout.operation {
            Operation::Fetch => call.input.batch_size as usize,
            _ => call.count,
        };
        jobs.min(MOST_EXPECTED_ROWS)
    }

    /// Sends one statement and receives its rows.
    async fn run(&self, client: &Client, step: usize, call: Call<'_>) -> Result<Part, Error> {
        let sources = self.layout.steps[step].sources.iter();
        let slots = sources.map(|source| Slot {
            source,
            call: &call,
        });
        let stream = client.query_raw(&self.steps[step].statement, slots).await?;
        let mut stream = pin!(stream);
        let mut rows = Vec::with_capacity(self.expected_rows(call));
        while let Some(row) = stream.try_next().await? {
            rows.push(row);
        }
        let affected = stream.rows_affected().unwrap_or(0);
        Ok(Part { rows, affected })
    }

    /// Puts together what the statements of all calls came to.
    fn answer(&self, parts: Vec<Part>) -> Answer {
        let (steps, answering) = (self.steps.len(), self.layout.answering);
        let mut answer = Answer::default();
        for (index, mut part) in parts.into_iter().enumerate() {
            let step = index % steps;
            if self.layout.per_job && step == self.layout.deciding() {
                let rows = part.affected.max(part.rows.len() as u64);
                answer.by_call.push(rows);
            }
            if step == answering {
                answer.affected += part.affected;
                if answer.rows.is_empty() {
                    answer.rows = part.rows;
                } else {
                    answer.rows.append(&mut part.rows);
                }
            } else {
                answer.others.push((step, part));
            }
        }
        answer
    }
}

/// Makes several calls in one transaction, which they find begun and which is committed after them. What needs no answer of what stands
/// before it is not held up by it: where nothing does, it is all sent at once. An error rolls everything back.
///
/// # Errors
/// The first thing that the server refused, or that the connection is gone.
pub async fn in_one_transaction(
    client: &Client,
    calls: &[(&Serving, &Input<'_>)],
) -> Result<Vec<Answer>, Error> {
    if !calls
        .iter()
        .all(|(serving, _)| serving.layout.is_sent_at_once())
    {
        let work = async {
            let mut answers = Vec::with_capacity(calls.len());
            for (serving, input) in calls {
                answers.push(serving.call_within(client, input).await?);
            }
            Ok(answers)
        };
        return in_transaction(client, work).await;
    }
    let each: Vec<_> = calls
        .iter()
        .map(|(serving, input)| (*serving, serving.calls(input)))
        .collect();
    let under_way = each
        .iter()
        .flat_map(|(serving, calls)| serving.under_way(client, calls))
        .collect();
    let mut parts = sent_together(client, under_way).await?.into_iter();
    let answer = |(serving, calls): &(&Serving, Vec<Call<'_>>)| {
        let own = parts.by_ref().take(calls.len() * serving.steps.len());
        serving.answer(own.collect())
    };
    Ok(each.iter().map(answer).collect())
}

/// A transaction around statements that are sent with its beginning and its end, without waiting for an answer.
async fn sent_together(client: &Client, statements: Vec<UnderWay<'_>>) -> Result<Vec<Part>, Error> {
    let command = |text: &'static str| {
        let sent = client.batch_execute(text);
        sent.map(|done| done.map(|()| Part::default())).boxed()
    };
    let mut all = Vec::with_capacity(statements.len() + 2);
    all.push(command("begin"));
    all.extend(statements);
    // A transaction in which something failed is rolled back by it.
    all.push(command("commit"));
    let mut parts: Vec<Part> = in_order(all).await.into_iter().collect::<Result<_, _>>()?;
    parts.pop();
    parts.remove(0);
    Ok(parts)
}

/// A transaction around work that waits for answers.
async fn in_transaction<T>(
    client: &Client,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    client.batch_execute("begin").await?;
    match work.await {
        Ok(done) => client.batch_execute("commit").await.map(|()| done),
        Err(error) => {
            // What ended the work is what counts; a connection that cannot roll back has nothing left to be rolled back.
            let _ = client.batch_execute("rollback").await;
            Err(error)
        }
    }
}

/// Starts all of these in order, then waits for each: a request is sent when its future is polled for the first time. All are waited
/// for, so that none is dropped in the middle of a transaction.
async fn in_order<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
    let mut under_way: Vec<Pin<Box<MaybeDone<F>>>> = futures
        .into_iter()
        .map(|future| Box::pin(maybe_done(future)))
        .collect();
    poll_fn(|context| {
        for future in &mut under_way {
            let _ = future.as_mut().poll(context);
        }
        Poll::Ready(())
    })
    .await;
    let mut outputs = Vec::with_capacity(under_way.len());
    for mut future in under_way {
        future.as_mut().await;
        outputs.extend(future.as_mut().take_output());
    }
    outputs
}
