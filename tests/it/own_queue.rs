//! A queue of the user's own, in a folder: small and sound, until a test replaces one of its files.

use crate::place::Place;

const FILES: [(&str, &str); 6] = [
    (
        "queue.toml",
        r#"description = "A small queue of one's own"
tables = ["task"]
"#,
    ),
    (
        "schema.sql",
        "create table task (
    number bigint,
    waiting boolean not null
);
",
    ),
    (
        "populate.sql",
        "insert into task (number, waiting)
select seq, state = 'ready'
from pgqa_job;
",
    ),
    (
        "indexes.sql",
        "alter table task add primary key (number);
create index task_waiting on task (number) where waiting;
",
    ),
    ("fetch.sql", FETCH),
    ("complete.sql", COMPLETE),
];

/// Its fetch.
pub(crate) const FETCH: &str = "-- Takes the first tasks.
-- operation: fetch
-- param batch_size int
-- variant batch-1: batch_size = 1
-- variant batch-5: batch_size = 5

update task
set waiting = false
where number = any(array(select number from task where waiting order by number limit :batch_size for update skip locked))
returning number;
";

const COMPLETE: &str = "-- Deletes what was taken.
-- operation: complete
-- param numbers bigint[] = fetched.number
-- variant completed-1: fetch.batch_size = 1
-- variant completed-5: fetch.batch_size = 5

delete from task
where number = any(:numbers)
returning number;
";

/// Writes the queue's folder with some files replaced or added; gives its path as an argument.
pub(crate) fn write(place: &Place, replaced: &[(&str, &str)]) -> String {
    write_as(place, "own-queue", replaced)
}

/// The same in a folder of this name, which is the queue's.
pub(crate) fn write_as(place: &Place, name: &str, replaced: &[(&str, &str)]) -> String {
    for (file, text) in FILES.iter().chain(replaced) {
        place.write(&format!("{name}/{file}"), text);
    }
    place.path().join(name).display().to_string()
}

/// A fixture file with these lines; gives its path as an argument.
pub(crate) fn write_fixture(place: &Place, lines: &str) -> String {
    let text = format!("description = \"A fixture of one's own\"\n{lines}\n");
    let path = place.write("own-fixture.toml", &text);
    path.display().to_string()
}
