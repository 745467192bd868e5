-- A trap: one statement for a worker of one queue and for a worker of all. The custom plan takes the branch out that does not
-- apply; the generic plan keeps both, cannot go to the place of the queue in the index, and sorts all that waits anywhere.
-- Healthy: a statement for each case.
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
    where (:queue::text is null or queue = :queue)
      and state = 'ready'
      and run_at <= :now
    order by priority, run_at, id
    limit :batch_size
    for update skip locked
))
returning id, queue, task_key, priority, run_at, attempts, max_attempts, locked_at, payload;
