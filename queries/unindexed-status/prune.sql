-- Deletes the jobs that failed longest ago, a bounded number at a time, so that no single call holds locks or a snapshot for
-- long. Completed ones are gone already.
-- operation: prune
-- param now timestamptz = '2021-01-01 00:00+00'
-- param retention interval = '90 days'
-- param batch_size int
-- variant batch-100: batch_size = 100
-- variant batch-1000: batch_size = 1000

delete from failed_job
where id = any(array(
    select id
    from failed_job
    where failed_at < :now - :retention
    order by failed_at
    limit :batch_size
    for update skip locked
));
