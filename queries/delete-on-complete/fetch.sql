-- Claims the first due jobs of all queues together, as one pool. A worker that serves only some queues or tasks has to step over
-- the jobs of the others that come first, so what it reads grows with what it does not want (the variants of one queue).
-- operation: fetch
-- param queues text[] = null
-- param worker text = 'worker-1'
-- param now timestamptz = '2021-01-01 00:00+00'
-- param batch_size int
-- param task_keys text[] = null
-- variant batch-1: batch_size = 1
-- variant batch-10: batch_size = 10
-- variant batch-100: batch_size = 100
-- variant batch-1000: batch_size = 1000
-- variant batch-1-filtered: batch_size = 1, task_keys = array['task-1', 'task-2']
-- variant batch-10-filtered: batch_size = 10, task_keys = array['task-1', 'task-2']
-- variant batch-100-filtered: batch_size = 100, task_keys = array['task-1', 'task-2']
-- variant batch-1000-filtered: batch_size = 1000, task_keys = array['task-1', 'task-2']
-- variant batch-1-one-queue: batch_size = 1, queues = array['default']
-- variant batch-10-one-queue: batch_size = 10, queues = array['default']
-- variant batch-100-one-queue: batch_size = 100, queues = array['default']

-- The bare column is the condition of the partial index, in the very words, so the generic plan matches it too.
update job
set locked_by = :worker,
    locked_at = :now,
    attempts = attempts + 1
where id = any(array(
    select id
    from job
    where is_available
      and run_at <= :now
      and (:queues::text[] is null or queue = any(:queues))
      and (:task_keys::text[] is null or task_key = any(:task_keys))
    order by priority, run_at
    limit :batch_size
    for update skip locked
))
returning id, queue, task_key, priority, run_at, attempts, max_attempts, locked_at, payload;
