-- Records that jobs failed: each is copied to those that wait for later, with a delay that doubles with every attempt, or for
-- good when it has used up its attempts. The event it was is settled like any other.
-- operation: fail
-- param batch_ids bigint[] = fetched.batch_id
-- param ids bigint[] = fetched.id
-- param errors text[] = array_fill('the task raised an error'::text, array[cardinality(fetched.id)])
-- param worker text = 'worker-1'
-- param now timestamptz = '2021-01-01 00:00+00'
-- param backoff interval = '1 second'
-- variant failed-1: fetch.batch_size = 1
-- variant failed-10: fetch.batch_size = 10
-- variant failed-100: fetch.batch_size = 100

with given as materialized (
    select *
    from unnest(:batch_ids, :ids, :errors) as given (batch_id, id, error)
), mine as materialized (
    select id, queue, txids, ids
    from batch
    where id = any(:batch_ids)
      and locked_by = :worker
    -- Nobody rescues a batch while it is being settled.
    for update
), held as materialized (
    select mine.id as batch_id, mine.queue, open.txid, open.id, given.id is not null as is_given, given.error
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
insert into later (id, queue, task_key, priority, run_at, created_at, attempts, max_attempts, due_at, payload, last_error)
select event.id, event.queue, event.task_key, event.priority, event.run_at, event.created_at,
       event.attempts + 1, event.max_attempts,
       -- The exponent is capped: sixteen doublings of a second are nine hours, and no number of attempts overflows it.
       case when event.attempts + 1 < event.max_attempts then :now + :backoff * power(2, least(event.attempts, 15)) end,
       event.payload, held.error
from held
join event on event.queue = held.queue and event.txid = held.txid and event.id = held.id
where held.is_given
returning id, case when due_at is null then 'failed' else 'ready' end as state;
