-- Takes batches back whose worker has not been heard of for a while: what is still open of them is copied to the jobs that wait,
-- due at once. It reads batches from the oldest on and stops at those younger than the timeout.
-- operation: rescue
-- param now timestamptz = '2021-01-01 00:00+00'
-- param timeout interval = '5 minutes'
-- param batch_size int = 100
-- variant nothing-lost: batch_size = 100
-- variant lost-10: fetch.batch_size = 10,
--     now = (select max(claim) + interval '1 hour' from unnest(fetched.locked_at) as claim)
-- variant lost-100: fetch.batch_size = 100,
--     now = (select max(claim) + interval '1 hour' from unnest(fetched.locked_at) as claim)

with lost as materialized (
    select id, queue, txids, ids
    from batch
    -- No heartbeat is older than the claim, so this is implied by the next line; it is here for the index.
    where locked_at < :now - :timeout
      and heartbeat_at < :now - :timeout
    order by locked_at
    limit :batch_size
    for update skip locked
), closed as (
    delete from batch
    where id = any(array(select id from lost))
)
insert into later (id, queue, task_key, priority, run_at, created_at, attempts, max_attempts, due_at, payload)
select event.id, event.queue, event.task_key, event.priority, event.run_at, event.created_at,
       event.attempts + 1, event.max_attempts,
       '-infinity', event.payload
from lost
cross join lateral unnest(lost.txids, lost.ids) as open (txid, id)
join event on event.queue = lost.queue and event.txid = open.txid and event.id = open.id
returning id;
