-- A trap: the first jobs are chosen by a limit, and locked only then. All workers choose the same ones; the first to lock them
-- gets them, and the others get none, whatever else waits. And the jobs are looked up by a join, for which the generic plan has
-- to guess the limit: it may read the whole table. Healthy: the lock in the query that has the limit.
-- operation: fetch
-- param queue text = 'default'
-- param worker text = 'worker-1'
-- param now timestamptz = '2021-01-01 00:00+00'
-- param batch_size int
-- variant batch-1: batch_size = 1
-- variant batch-10: batch_size = 10
-- variant batch-100: batch_size = 100
-- variant batch-1000: batch_size = 1000

update job
set state = 'running',
    locked_by = :worker,
    locked_at = :now,
    heartbeat_at = :now,
    attempts = attempts + 1
where id = any(array(
    select job.id
    from job
    join (
        select id
        from job
        where queue = :queue
          and state = 'ready'
          and run_at <= :now
        order by priority, run_at, id
        limit :batch_size
    ) as first on first.id = job.id
    -- Only conditions beside the lock are looked at again once a row is locked. Without this one, a job that another worker has
    -- claimed since it was chosen would be claimed again.
    where job.state = 'ready'
    for update of job skip locked
))
returning id, queue, task_key, priority, run_at, attempts, max_attempts, locked_at, payload;
