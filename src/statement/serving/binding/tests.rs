//! What the parameters of small files are bound to.

use super::*;
use crate::definition::{Source, StatementFile};

/// What a fetch of a queue with keys of several types returns.
fn fetched() -> Columns {
    let domain = Type::new(
        "tenant".to_owned(),
        90_001,
        Kind::Domain(Type::INT4),
        "public".to_owned(),
    );
    let columns = [
        ("id", Type::INT8),
        ("key", Type::UUID),
        ("tenant", domain),
        ("Name", Type::VARCHAR),
        ("tags", Type::TEXT_ARRAY),
    ];
    Columns::new(columns.map(|(name, of)| (name.to_owned(), of)).to_vec())
}

fn parameters(operation: Operation, declared: &str) -> Vec<Parameter> {
    let (name, _) = declared.split_once(' ').expect("a name and a type");
    let text = format!("-- operation: {operation}\n-- param {declared}\n\nselect :{name}\n");
    let file = StatementFile::parse(Source::new("file.sql", text)).expect("a statement file");
    file.parameters
}

fn bound(operation: Operation, declared: &str, type_: &Type) -> Result<Origin, String> {
    let columns = fetched();
    let rows = [
        Rows {
            name: FETCHED,
            columns: (operation != Operation::Fetch).then_some(&columns),
        },
        Rows {
            name: "claimed",
            columns: Some(&columns),
        },
    ];
    origin(&parameters(operation, declared)[0], type_, operation, &rows)
}

fn complete(declared: &str, type_: &Type) -> Result<Origin, String> {
    bound(Operation::Complete, declared, type_)
}

#[track_caller]
fn refused(bound: Result<Origin, String>, part: &str) {
    let message = bound.expect_err("refused");
    assert!(message.contains(part), "{message}");
}

fn column(rows: usize, column: usize, element: &Type) -> Result<Origin, String> {
    let place = Place { rows, column };
    Ok(Origin::Column {
        place,
        element: element.oid(),
    })
}

#[test]
fn fetched_columns_are_passed_through() {
    let ids = complete("ids bigint[] = fetched.id", &Type::INT8_ARRAY);
    assert_eq!(ids, column(0, 0, &Type::INT8));
    let key = complete("key uuid = FETCHED . key [ 1 ]", &Type::UUID);
    let place = Place { rows: 0, column: 1 };
    assert_eq!(key, Ok(Origin::Value(place)));
    let names = complete("names text[] = fetched.\"Name\"", &Type::TEXT_ARRAY);
    assert_eq!(names, column(0, 3, &Type::TEXT));
    // Even under a name that would be given otherwise.
    let queue = complete("queue text = fetched.\"Name\"[1]", &Type::TEXT);
    let place = Place { rows: 0, column: 3 };
    assert_eq!(queue, Ok(Origin::Value(place)));
    let earlier = complete("ids bigint[] = claimed.id", &Type::INT8_ARRAY);
    assert_eq!(earlier, column(1, 0, &Type::INT8));
}

#[test]
fn an_array_has_the_element_type_of_its_parameter() {
    let ids = complete("ids int[] = fetched.tenant", &Type::INT4_ARRAY);
    assert_eq!(ids, column(0, 2, &Type::INT4));
    let domain = Type::new(
        "job_id".to_owned(),
        90_002,
        Kind::Domain(Type::INT8),
        String::new(),
    );
    let array = Type::new(
        "_job_id".to_owned(),
        90_003,
        Kind::Array(domain.clone()),
        String::new(),
    );
    let ids = complete("ids job_id[] = fetched.id", &array);
    assert_eq!(ids, column(0, 0, &domain));
}

#[test]
fn what_needs_a_conversion_is_computed() {
    for (declared, type_) in [
        ("ids text[] = fetched.id", Type::TEXT_ARRAY),
        ("id text = fetched.id[1]", Type::TEXT),
        (
            "ids bigint[] = (select array_agg(n) from unnest(fetched.id) as n)",
            Type::INT8_ARRAY,
        ),
        ("count int = cardinality(fetched.id)", Type::INT4),
    ] {
        assert_eq!(
            complete(declared, &type_),
            Ok(Origin::Computed),
            "{declared}"
        );
    }
}

#[test]
fn known_names_are_given_by_the_caller() {
    let given = |given, form, element: Option<Type>| {
        Ok(Origin::Given {
            given,
            form,
            element: element.map(|element| element.oid()),
        })
    };
    let now = complete("now timestamptz = '2021-01-01'", &Type::TIMESTAMPTZ);
    assert_eq!(now, given(Given::Now, Form::Bigint, None));
    let size = bound(Operation::Fetch, "batch_size smallint = 1", &Type::INT2);
    assert_eq!(size, given(Given::BatchSize, Form::Smallint, None));
    // Although their defaults mention what was fetched.
    let errors = complete(
        "errors text[] = array_fill('it failed'::text, array[cardinality(fetched.id)])",
        &Type::TEXT_ARRAY,
    );
    assert_eq!(errors, given(Given::Error, Form::Text, Some(Type::TEXT)));
    let results = complete("results jsonb[] = null", &Type::JSONB_ARRAY);
    assert_eq!(
        results,
        given(Given::Result, Form::VersionedText, Some(Type::JSONB))
    );
}

#[test]
fn everything_else_keeps_its_default() {
    let fetch = |declared, type_: &Type| bound(Operation::Fetch, declared, type_);
    let timeout = fetch("timeout interval = '5 minutes'", &Type::INTERVAL);
    assert_eq!(timeout, Ok(Origin::Constant));
    let filter = fetch("task_keys text[] = null", &Type::TEXT_ARRAY);
    assert_eq!(filter, Ok(Origin::Constant));
}

#[test]
fn what_cannot_serve_is_refused_with_a_way_out() {
    refused(
        complete("now timestamp = now()", &Type::TIMESTAMP),
        "parameter now is timestamp, and under load it is given timestamptz: declare that",
    );
    refused(
        complete("outcomes text = 'completed'", &Type::TEXT),
        "outcomes is text, and under load it is given an array (`[]`) of text",
    );
    refused(
        bound(Operation::Fetch, "batch_size numeric = 1", &Type::NUMERIC),
        "given int",
    );
    refused(
        complete("ids bigint[] = fetched.idd", &Type::INT8_ARRAY),
        "fetched has no column idd; did you mean id?",
    );
    refused(
        complete("xs text[] = fetched.nothing", &Type::TEXT_ARRAY),
        "it has id, key, tenant, Name, tags",
    );
    refused(
        complete("tags text[] = fetched.tags", &Type::TEXT_ARRAY),
        "fetched.tags is an array",
    );
    let rows = [Rows {
        name: FETCHED,
        columns: None,
    }];
    for (declared, type_) in [
        ("ids bigint[] = fetched.id", Type::INT8_ARRAY),
        ("size int = cardinality(fetched.id)", Type::INT4),
    ] {
        let parameter = &parameters(Operation::Rescue, declared)[0];
        let bound = origin(parameter, &type_, Operation::Rescue, &rows);
        refused(bound, "nothing was fetched");
    }
}

#[test]
fn a_parameter_without_a_value_is_refused() {
    let text = "-- operation: complete\n-- param reason text\n-- variant one: reason = 'x'\n\nselect :reason\n";
    let file = StatementFile::parse(Source::new("file.sql", text)).expect("a statement file");
    let bound = origin(&file.parameters[0], &Type::TEXT, Operation::Complete, &[]);
    refused(bound, "parameter reason has no default");
}

#[test]
fn one_jobs_value_makes_a_call_per_job() {
    let place = Place { rows: 0, column: 0 };
    let value = |rows| Origin::Value(Place { rows, ..place });
    let given = |given: Given, element| Origin::Given {
        given,
        form: Form::Text,
        element,
    };
    let whole = Origin::Column {
        place,
        element: Type::INT8.oid(),
    };
    let per_job = |operation, origins: &[(&str, Origin)]| is_per_job(operation, origins, false);
    let complete = Operation::Complete;
    assert_eq!(per_job(complete, &[("ids", whole)]), Ok(false));
    assert_eq!(
        per_job(complete, &[("ids", whole), ("x", value(1))]),
        Ok(false)
    );
    assert_eq!(
        per_job(complete, &[("ids", whole), ("x", value(0))]),
        Ok(true)
    );
    let outcome = ("outcome", given(Given::Outcome, None));
    assert_eq!(per_job(complete, &[("ids", whole), outcome]), Ok(true));
    let result = ("result", given(Given::Result, None));
    assert_eq!(per_job(complete, &[("ids", whole), result]), Ok(false));
    let array = ("payloads", given(Given::Payload, Some(25)));
    let scalar = ("queue", given(Given::NewQueue, None));
    let worker = ("worker", given(Given::Worker, None));
    let enqueue = Operation::Enqueue;
    assert_eq!(per_job(enqueue, &[array, worker]), Ok(false));
    assert_eq!(per_job(enqueue, &[scalar, worker]), Ok(true));
    let both = per_job(enqueue, &[array, scalar]).expect_err("not both");
    assert!(both.contains("payloads as an array") && both.contains("queue one by one"));
}

#[test]
fn a_job_in_an_expression_is_the_first() {
    let columns = fetched();
    let rows = [Rows {
        name: FETCHED,
        columns: Some(&columns),
    }];
    let takes = |default: &str| {
        let declared = format!("x text = {default}");
        let parameters = parameters(Operation::Complete, &declared);
        let default = parameters[0].default.as_ref().expect("a default");
        takes_one_job(default, &rows)
    };
    assert_eq!(takes("array[fetched.id[1]]"), Ok(true));
    assert_eq!(takes("cardinality(fetched.id)"), Ok(false));
    assert_eq!(
        takes("(select fetched.id[n] from generate_series(1, 2) as n)"),
        Ok(false)
    );
    let message = takes("fetched.id[2]::text").expect_err("a certain job");
    assert!(
        message.contains("fetched.id[2] is a certain job"),
        "{message}"
    );
}
