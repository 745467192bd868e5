-- A trap: the fetch also looks for failed jobs that have attempts left. Never are there any, for a job that is to be tried again
-- is made ready when it fails; but an OR does not imply the condition of the partial index, so with either plan the whole table
-- is read. Healthy: one literal state to be fetched, and whatever is to be fetched again is put into that state.
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
    select id
    from job
    where queue = :queue
      and (state = 'ready' or (state = 'failed' and attempts < max_attempts))
      and run_at <= :now
    order by priority, run_at, id
    limit :batch_size
    for update skip locked
))
returning id, queue, task_key, priority, run_at, attempts, max_attempts, locked_at, payload;
