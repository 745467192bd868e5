-- Deletes the jobs that completed longest ago, a batch at a time. The order comes from one index and the condition from
-- another, so the planner has to guess which of the two reads less.
-- operation: prune
-- param status text = 'completed'
-- param now timestamptz = '2021-01-01 00:00+00'
-- param retention interval = '7 days'
-- param batch_size int
-- variant batch-100: batch_size = 100
-- variant batch-1000: batch_size = 1000

delete from job
where id in (
    select id
    from job
    where status = :status
      and updated_at < :now - :retention
    order by updated_at
    limit :batch_size
    for update
);
