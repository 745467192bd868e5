//! A disk that fills up while a queue is drained: files that must not grow any more stand for it.

use pgq_analyze::run::throughput::Ended;

use super::{assert_accounted_for, read};
use crate::own_queue;
use crate::place::Place;
use crate::program::{BINARY, command_of, finish, run_folder};

const MANIFEST: &str = "description = \"A queue that keeps what its jobs came to\"
tables = [\"task\", \"log\"]
payload = \"payload\"
";

const SCHEMA: &str = "create table task (
    number bigint,
    waiting boolean not null,
    payload jsonb not null
);
create table log (
    number bigint,
    came_to text not null
);
alter table log alter came_to set storage plain;
";

const POPULATE: &str = "insert into task (number, waiting, payload)
select seq, state = 'ready', payload
from pgqa_job;
";

const FETCH: &str = "-- operation: fetch
-- param batch_size int = 10

update task
set waiting = false
where number = any(array(select number from task where waiting order by number limit :batch_size for update skip locked))
returning number, payload;
";

/// Eight thousand jobs fill more files than there may be.
const COMPLETE: &str = "-- operation: complete
-- param numbers bigint[] = fetched.number

with gone as (
    delete from task where number = any(:numbers) returning number
), kept as (
    insert into log (number, came_to) select number, repeat('x', 6000) from gone
)
select number from gone;
";

#[test]
fn a_disk_that_fills_up_ends_the_drain_and_keeps_what_was_measured() {
    let place = Place::new();
    let queue = own_queue::write(
        &place,
        &[
            ("queue.toml", MANIFEST),
            ("schema.sql", SCHEMA),
            ("populate.sql", POPULATE),
            ("fetch.sql", FETCH),
            ("complete.sql", COMPLETE),
        ],
    );
    let out = place.out().display().to_string();
    let words = [
        "-c",
        // At most 20 MB a file: a segment of WAL fits.
        "ulimit -f 40960 && exec \"$0\" \"$@\"",
        BINARY,
        "throughput",
        "quick",
        "--queue",
        &queue,
        "--rows",
        "8000",
        "--out",
        &out,
    ];
    finish(command_of("sh", &place, words))
        .expect_code(1)
        .expect_said(&["could not extend file"]);
    let run = read(&run_folder(&place));
    let [result] = &run.results[..] else {
        panic!("the drain is kept: {:?}", run.failures);
    };
    assert_accounted_for(result);
    assert_eq!(result.ended, Ended::Failed, "{:?}", result.incidents);
    let (ledger, deliveries) = (&result.ledger, &result.deliveries);
    assert!(deliveries.completed > 1000, "{deliveries:?}");
    assert_eq!((ledger.done, ledger.lost), (deliveries.completed, None));
    assert!(
        result
            .notes
            .iter()
            .any(|note| note.contains("nobody knows whether jobs are lost")),
        "{:?}",
        result.notes
    );
}
