-- A trap: the state is a parameter. The custom plan knows its value and takes the partial index; the generic plan has to serve
-- any state, so it reads the whole table and sorts what waits. Healthy: the state as a literal, in the words of the index.
-- operation: fetch
-- param queue text = 'default'
-- param worker text = 'worker-1'
-- param now timestamptz = '2021-01-01 00:00+00'
-- param batch_size int
-- param state text = 'ready'
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
      and state = :state
      and run_at <= :now
    order by priority, run_at, id
    limit :batch_size
    for update skip locked
))
returning id, queue, task_key, priority, run_at, attempts, max_attempts, locked_at, payload;
