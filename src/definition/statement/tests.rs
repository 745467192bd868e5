//! Statement files: what is read.

mod refusals;

use proptest::prelude::*;

use super::*;

const FETCH: &str = "\
-- Claims the oldest due jobs
-- of one queue.
--
-- Second paragraph: it skips locked ones.
-- operation: fetch
-- param queue text = 'default'
-- param batch_size int
-- param task_keys text[] = null
-- variant batch-1: batch_size = 1
-- variant batch-100-filtered: batch_size = 100,
--     task_keys = array['a, b', $$c, d$$],
--     queue = coalesce('x', 'y')

update job set state = 'running' -- :not_one
where id = any(array(select id from job where queue = :queue and (:task_keys is null or task_key = any(:task_keys::text[]))
  limit :batch_size for update skip locked)) returning id;
";

fn parse(path: &str, text: &str) -> Result<StatementFile, DefinitionError> {
    StatementFile::parse(Source::new(format!("queries/q/{path}"), text))
}

fn sql_of<'a>(file: &'a StatementFile, variant: usize, parameter: &str) -> Option<&'a str> {
    file.variants[variant]
        .value_of(file.parameter(parameter)?)
        .map(|value| value.sql.as_str())
}

#[test]
fn a_whole_file_is_read() {
    let file = parse("fetch.sql", FETCH).unwrap();
    assert_eq!(
        (file.name.as_str(), file.operation),
        ("fetch", Operation::Fetch)
    );
    assert_eq!(
        file.description,
        "Claims the oldest due jobs of one queue.\nSecond paragraph: it skips locked ones."
    );
    let parameters: Vec<_> = file
        .parameters
        .iter()
        .map(|parameter| (parameter.name.as_str(), parameter.type_name.as_str()))
        .collect();
    assert_eq!(
        parameters,
        [
            ("queue", "text"),
            ("batch_size", "int"),
            ("task_keys", "text[]")
        ]
    );
    assert_eq!(
        file.parameters[1].position,
        Position {
            line: 7,
            column: 10
        }
    );
    let variants: Vec<_> = file
        .variants
        .iter()
        .map(|variant| variant.name.as_str())
        .collect();
    assert_eq!(variants, ["batch-1", "batch-100-filtered"]);
    assert_eq!(sql_of(&file, 0, "queue"), Some("'default'"));
    assert_eq!(sql_of(&file, 0, "task_keys"), Some("null"));
    assert_eq!(sql_of(&file, 1, "batch_size"), Some("100"));
    assert_eq!(
        sql_of(&file, 1, "task_keys"),
        Some("array['a, b', $$c, d$$]")
    );
    assert_eq!(sql_of(&file, 1, "queue"), Some("coalesce('x', 'y')"));
    assert_eq!(file.statements.len(), 1);
    let statement = &file.statements[0];
    assert_eq!(
        statement.template.parameters(),
        ["queue", "task_keys", "batch_size"]
    );
    assert_eq!(
        file.position_in(statement, 0),
        Position {
            line: 14,
            column: 1
        }
    );
    assert!(statement.template.source().ends_with("returning id"));
    assert!(!file.is_fed(&file.variants[0]));
}

#[test]
fn the_least_file_has_one_variant() {
    let file = parse("rescue.sql", "-- operation: rescue\nselect 1").unwrap();
    assert_eq!(
        (
            file.description.as_str(),
            file.variants.len(),
            file.variants[0].name.as_str()
        ),
        ("", 1, "default")
    );
}

#[test]
fn carriage_returns_and_leading_empty_lines_do_not_matter() {
    let text = format!("\u{feff}\n{FETCH}").replace('\n', "\r\n");
    let file = parse("fetch.sql", &text).unwrap();
    assert_eq!(sql_of(&file, 1, "queue"), Some("coalesce('x', 'y')"));
    assert_eq!(
        file.parameters[1].position,
        Position {
            line: 8,
            column: 10
        }
    );
}

#[test]
fn a_fed_file_names_the_parameters_of_its_fetch() {
    let text = "-- operation: complete\n-- param ids bigint[] = fetched.id\n\
                -- variant completed-100: fetch.batch_size = 100, fetch.queue = 'a'\n\
                delete from job where id = any(:ids)";
    let file = parse("complete.sql", text).unwrap();
    let settings: Vec<_> = file.variants[0]
        .fetch_settings()
        .map(|(name, setting)| (name, setting.value.sql.as_str()))
        .collect();
    assert_eq!(settings, [("batch_size", "100"), ("queue", "'a'")]);
    assert!(file.is_fed(&file.variants[0]));
}

#[test]
fn several_statements_have_names_in_the_header_or_before_each() {
    let text = "-- Two.\n-- operation: complete\n-- param ids bigint[] = fetched.id\n-- param done bigint[] = completed.id\n\
                -- statement: completed\n\
                update job set state = 'completed' where id = any(:ids) returning id;\n\n-- statement: logged\n-- plain words\n\
                insert into log select unnest(:done)";
    let file = parse("complete.sql", text).unwrap();
    let names: Vec<_> = file
        .statements
        .iter()
        .map(|statement| statement.name.as_deref())
        .collect();
    assert_eq!(names, [Some("completed"), Some("logged")]);
    assert_eq!(
        file.position_in(&file.statements[1], 12),
        Position {
            line: 10,
            column: 13
        }
    );
    assert!(
        file.parameter("done")
            .unwrap()
            .default
            .as_ref()
            .unwrap()
            .mentions("completed")
    );
}

#[test]
fn expressions_know_the_relations_they_mention() {
    let mentions = |sql: &str| {
        Expression {
            sql: sql.to_owned(),
            position: Position::START,
            later_lines: Vec::new(),
        }
        .mentions(FETCHED)
    };
    for sql in [
        "fetched.id",
        "FETCHED . id[1]",
        "(select count(*) from fetched)",
        "\"fetched\".id",
        "cardinality(fetched.id)",
    ] {
        assert!(mentions(sql), "{sql}");
    }
    for sql in [
        "'fetched.id'",
        "fetched_id",
        "$$fetched$$",
        "1 /* fetched */",
        "x.fetched",
        "fetched(1)",
        "\"Fetched\".id",
        "",
    ] {
        assert!(!mentions(sql), "{sql}");
    }
}

#[test]
fn positions_in_continued_expressions_are_found() {
    let text = "-- operation: complete\n-- param a int =\n--     1 +\n--      oops\n-- variant x:\n--     a = 2 +\n--     ä + oops\nselect :a";
    let file = parse("complete.sql", text).unwrap();
    let default = file.parameters[0].default.as_ref().unwrap();
    assert_eq!(default.sql, "1 +\noops");
    assert_eq!(default.position, Position { line: 3, column: 8 });
    assert_eq!(default.position_of(5), Position { line: 4, column: 9 });
    assert_eq!(
        default.position_of(6),
        Position {
            line: 4,
            column: 10
        }
    );
    let set = &file.variants[0].settings[0];
    assert_eq!(set.position, Position { line: 6, column: 8 });
    assert_eq!(
        set.value.position_of(9),
        Position {
            line: 7,
            column: 12
        }
    );
}

#[test]
fn types_may_have_several_words_and_a_schema() {
    let text = "-- operation: complete\n-- param a timestamp with time zone = now()\n-- param b numeric(10,2)[] = null\n\
                -- param c \"My\".kind = null\n\
                -- param d text='x=1'\nselect :a, :b, :c, :d";
    let file = parse("complete.sql", text).unwrap();
    let types: Vec<_> = file
        .parameters
        .iter()
        .map(|parameter| parameter.type_name.as_str())
        .collect();
    assert_eq!(
        types,
        [
            "timestamp with time zone",
            "numeric(10,2)[]",
            "\"My\".kind",
            "text"
        ]
    );
    assert_eq!(sql_of(&file, 0, "d"), Some("'x=1'"));
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,80}(\n\\PC{0,20}){0,4}") {
        let _ = parse("fetch.sql", &text);
    }

    #[test]
    fn any_words_of_the_format_are_read_or_refused(
        text in "(-- (operation: (fetch|complete)|param [a-c] (int|text\\[\\])( = )?|variant [a-c]:? |statement: [a-c]|    )|[a-c]( =|,|;|:)? ?|:[a-c] |fetched\\.|fetch\\.|['(\\[\\])$]|\n|ä|\r\n|-- ){0,40}"
    ) {
        if let Ok(file) = parse("complete.sql", &text) {
            prop_assert!(!file.variants.is_empty() && !file.statements.is_empty());
        }
    }
}
