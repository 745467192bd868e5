-- Deletes the jobs that completed longest ago, a bounded number at a time, so that no single call holds locks or a snapshot
-- for long. Failed jobs stay until somebody has looked at them.
-- operation: prune
-- param now timestamptz = '2021-01-01 00:00+00'
-- param retention interval = '7 days'
-- param batch_size int
-- variant batch-100: batch_size = 100
-- variant batch-1000: batch_size = 1000

delete from job
where id = any(array(
    select id
    from job
    where state = 'completed'
      and finished_at < :now - :retention
    order by finished_at
    limit :batch_size
    for update skip locked
));
