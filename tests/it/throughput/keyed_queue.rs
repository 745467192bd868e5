//! A queue whose jobs have a key of two columns, one of them a uuid: deleted when they are done, and announced when they come back.

use crate::place::Place;

const FILES: [(&str, &str); 8] = [
    (
        "queue.toml",
        "description = \"Jobs known by a shard and a uuid\"\norder = \"none\"\ntables = [\"task\"]\npayload = \"payload\"\nchannel = \"Task \\\"ready\\\"\"\n",
    ),
    (
        "schema.sql",
        "create table task (
    shard smallint not null,
    id uuid not null,
    taken_by text,
    payload jsonb not null
);
",
    ),
    (
        "populate.sql",
        "insert into task (shard, id, taken_by, payload)
select seq % 3, md5(seq::text)::uuid, case when state = 'running' then 'worker-gone' end, payload
from pgqa_job
where state in ('ready', 'running');
",
    ),
    ("indexes.sql", INDEXES),
    (
        "fetch.sql",
        "-- Takes any jobs.
-- operation: fetch
-- param worker text = 'worker-1'
-- param batch_size int
-- variant batch-10: batch_size = 10

with chosen as materialized (
    select shard, id from task where taken_by is null limit :batch_size for update skip locked
)
update task
set taken_by = :worker
from chosen
where task.shard = chosen.shard and task.id = chosen.id
returning task.shard, task.id, task.payload;
",
    ),
    (
        "complete.sql",
        "-- Deletes them.
-- operation: complete
-- param shards smallint[] = fetched.shard
-- param ids uuid[] = fetched.id
-- variant completed-10: fetch.batch_size = 10

delete from task
using unnest(:shards, :ids) as done (shard, id)
where task.shard = done.shard and task.id = done.id
returning task.id;
",
    ),
    (
        "release.sql",
        "-- Hands them back and says so.
-- operation: release
-- param shards smallint[] = fetched.shard
-- param ids uuid[] = fetched.id
-- variant released-10: fetch.batch_size = 10

with released as (
    update task
    set taken_by = null
    from unnest(:shards, :ids) as given (shard, id)
    where task.shard = given.shard and task.id = given.id
    returning task.id
)
select id, pg_notify('Task \"ready\"', '')::text as told
from released;
",
    ),
    (
        "rescue.sql",
        "-- Hands back what anybody holds.
-- operation: rescue

update task
set taken_by = null
where taken_by is not null
returning id;
",
    ),
];

/// Its indexes.
pub(super) const INDEXES: &str = "alter table task add primary key (shard, id);
create index task_ready on task (shard) where taken_by is null;
";

/// Writes its folder, `keyed`; gives its path as an argument.
pub(super) fn write(place: &Place) -> String {
    for (file, text) in FILES {
        place.write(&format!("keyed/{file}"), text);
    }
    place.path().join("keyed").display().to_string()
}
