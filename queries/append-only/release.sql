-- Gives jobs back that were handed out but not worked on, for example when a worker shuts down. They are copied to those that
-- wait, due at once, and so lose their place; the attempt is not counted.
-- operation: release
-- param batch_ids bigint[] = fetched.batch_id
-- param ids bigint[] = fetched.id
-- param worker text = 'worker-1'
-- variant released-1: fetch.batch_size = 1
-- variant released-10: fetch.batch_size = 10
-- variant released-100: fetch.batch_size = 100

with given as materialized (
    select *
    from unnest(:batch_ids, :ids) as given (batch_id, id)
), mine as materialized (
    select id, queue, txids, ids
    from batch
    where id = any(:batch_ids)
      and locked_by = :worker
    -- Nobody rescues a batch while it is being settled.
    for update
), held as materialized (
    select mine.id as batch_id, mine.queue, open.txid, open.id, given.id is not null as is_given
    from mine
    cross join lateral unnest(mine.txids, mine.ids) as open (txid, id)
    left join given on given.batch_id = mine.id and given.id = open.id
), rest as (
    select batch_id,
           array_agg(txid) filter (where not is_given) as txids,
           array_agg(id) filter (where not is_given) as ids
    from held
    group by batch_id
), closed as (
    delete from batch
    using rest
    where batch.id = rest.batch_id
      and rest.ids is null
), shortened as (
    update batch
    set txids = rest.txids,
        ids = rest.ids
    from rest
    where batch.id = rest.batch_id
      and rest.ids is not null
)
insert into later (id, queue, task_key, priority, run_at, created_at, attempts, max_attempts, due_at, payload)
select event.id, event.queue, event.task_key, event.priority, event.run_at, event.created_at, event.attempts, event.max_attempts,
       '-infinity', event.payload
from held
join event on event.queue = held.queue and event.txid = held.txid and event.id = held.id
where held.is_given
returning id;
