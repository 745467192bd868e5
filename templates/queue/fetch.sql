-- Claims the first due jobs of one queue, if wanted only those of the tasks this worker knows.
-- operation: fetch
-- param queue text = 'default'
-- param worker text = 'worker-1'
-- param now timestamptz = '2021-01-01 00:00+00'
-- param batch_size int
-- param task_keys text[] = null
-- variant batch-1: batch_size = 1
-- variant batch-10: batch_size = 10
-- variant batch-100: batch_size = 100
-- variant batch-10-filtered: batch_size = 10, task_keys = array['task-1', 'task-2']

-- How a statement file is read. The first comment block, above, is its header: what the statement does in a sentence or two,
-- then one directive a line.
--   `operation`  which part of the queue's work this is: enqueue, fetch, complete, fail, release, heartbeat, rescue, prune,
--                step-load, step-save or inspect. A queue may have several files for one operation; all are measured.
--   `param`      a parameter with its PostgreSQL type and a default. Without a default every variant sets it.
--   `variant`    one way to call the statement; each is measured by itself. Queues are compared variant by variant, so take the
--                names the built-in queues use where they fit.
-- Then comes the SQL with `:name` for each parameter. Values are bound, as a client binds them, never pasted.
-- Times are constants: with the real clock no two runs would plan the same statement.
--
-- What to keep when this becomes your fetch: the condition of the partial index in its very words (`state = 'ready'`; the plan of
-- `state = :state` cannot count on the index), the order of the index, a limit, and SKIP LOCKED. The ids are collected before the
-- update, so that it finds its rows by key whatever the batch size.
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
      and state = 'ready'
      and run_at <= :now
      and (:task_keys::text[] is null or task_key = any(:task_keys))
    order by priority, run_at, id
    limit :batch_size
    for update skip locked
))
returning id, queue, task_key, priority, run_at, attempts, locked_at, payload;
