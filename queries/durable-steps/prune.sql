-- Deletes the executions that completed longest ago, with their steps, a bounded number at a time. Failed executions stay
-- until somebody has looked at them.
-- operation: prune
-- param now timestamptz = '2021-01-01 00:00+00'
-- param retention interval = '7 days'
-- param batch_size int
-- variant batch-100: batch_size = 100
-- variant batch-1000: batch_size = 1000

with expired as materialized (
    select id
    from execution
    where state = 'completed'
      and finished_at < :now - :retention
    order by finished_at
    limit :batch_size
    for update skip locked
), dropped as (
    delete from step
    where execution_id = any(array(select id from expired))
    returning execution_id
)
delete from execution
where id = any(array(select id from expired))
-- Counting the steps here has them deleted inside this statement's own plan, where their cost is seen.
returning id, (select count(*) from dropped) as steps_dropped;
