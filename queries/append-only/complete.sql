-- Settles jobs that are completed: whatever their number, one row is deleted for each batch that is done with them, or written
-- shorter where others of its jobs are still open. So jobs completed one by one are dearer than together.
-- operation: complete
-- param batch_ids bigint[] = fetched.batch_id
-- param ids bigint[] = fetched.id
-- param worker text = 'worker-1'
-- variant completed-1: fetch.batch_size = 1
-- variant completed-10: fetch.batch_size = 10
-- variant completed-100: fetch.batch_size = 100
-- variant completed-1000: fetch.batch_size = 1000
-- variant completed-5000: fetch.batch_size = 5000

with given as materialized (
    select *
    from unnest(:batch_ids, :ids) as given (batch_id, id)
), mine as materialized (
    select id, txids, ids
    from batch
    where id = any(:batch_ids)
      and locked_by = :worker
    -- Nobody rescues a batch while it is being settled.
    for update
), held as materialized (
    select mine.id as batch_id, open.txid, open.id, given.id is not null as is_given
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
select id
from held
where is_given;
