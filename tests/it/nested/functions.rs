//! A queue whose statements are functions, and the same queue without: in SQL and PL/pgSQL, with a loop, an exception block, a function
//! within a function, a trigger and a foreign key.

use crate::own_queue;
use crate::place::Place;

const SCHEMA: &str = "create table task (
    number bigint,
    waiting boolean not null,
    tries integer not null default 0
);
create table history (number bigint);
create sequence entries;

create function note_task() returns trigger language plpgsql as $$
begin
    insert into history (number) values (new.number);
    return null;
end $$;

create function tries_of(wanted bigint) returns integer language plpgsql as $$
declare
    found_tries integer;
begin
    select tries into found_tries from task where number = wanted;
    return found_tries;
end $$;

create function fetch_tasks(wanted integer) returns setof bigint language plpgsql as $$
begin
    return query
        update task set waiting = false
        where number = any(array(select number from task where waiting order by number limit wanted for update skip locked))
        returning number;
end $$;

create function complete_tasks(numbers bigint[]) returns integer language plpgsql as $$
declare
    one bigint;
begin
    foreach one in array numbers loop
        begin
            update task set tries = tries_of(one) + 1 where number = one;
            perform 1 / (one % 2);
        exception when division_by_zero then
            perform nextval('entries');
        end;
    end loop;
    return array_length(numbers, 1);
end $$;

create function release_tasks(numbers bigint[]) returns bigint language sql as $$
    -- Two statements; this is a comment.
    update task set waiting = true where number = any(numbers);
    select count(*) from task where number = any(numbers);
$$;
";

const INDEXES: &str = "alter table task add primary key (number);
create index task_waiting on task (number) where waiting;
alter table history add foreign key (number) references task;
create trigger noted after update of tries on task for each row execute function note_task();
";

/// Both fetches.
const FETCH: &str = "-- Takes the first tasks.
-- operation: fetch
-- param batch_size int
-- variant batch-1: batch_size = 1
-- variant batch-20: batch_size = 20

";

const FROM_FUNCTION: &str = "select number from fetch_tasks(:batch_size) as number;\n";

const COMPLETE: &str = "-- Completes them.
-- operation: complete
-- param numbers bigint[] = fetched.number
-- variant completed-20: fetch.batch_size = 20

select complete_tasks(:numbers);
";

const RELEASE: &str = "-- Gives them back.
-- operation: release
-- param numbers bigint[] = fetched.number
-- variant released-20: fetch.batch_size = 20

select release_tasks(:numbers);
";

/// What selects all of it on few jobs.
pub(super) const SELECTION: [&str; 12] = [
    "--fixture",
    "heavy-single-queue",
    "--rows",
    "5000",
    "--operation",
    "fetch",
    "--operation",
    "complete",
    "--operation",
    "release",
    "--samples",
    "3",
];

/// Writes the queue; `schema` comes after its own. Gives its path as an argument.
pub(super) fn write(place: &Place, name: &str, schema: &str, further: &[(&str, &str)]) -> String {
    let schema = format!("{SCHEMA}{schema}");
    let fetch = format!("{FETCH}{FROM_FUNCTION}");
    let mut files = vec![
        ("schema.sql", schema.as_str()),
        ("indexes.sql", INDEXES),
        ("fetch.sql", fetch.as_str()),
        ("complete.sql", COMPLETE),
        ("release.sql", RELEASE),
    ];
    files.extend(further);
    own_queue::write_as(place, name, &files)
}

/// The same queue with a fetch that calls no function.
pub(super) fn write_plain(place: &Place) -> String {
    let (_, body) = SCHEMA.split_once("return query\n").expect("the fetch");
    let (statement, _) = body.split_once(';').expect("its end");
    let statement = statement.replace("limit wanted", "limit :batch_size");
    let fetch = format!("{FETCH}{};\n", statement.trim());
    write(place, "plain-queue", "", &[("fetch.sql", &fetch)])
}
