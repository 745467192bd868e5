-- Claims the first due jobs of one queue. No column that it sets is in an index. It steps over the running jobs in front of them,
-- unless the index has none of those (option status_indexed).
-- operation: fetch
-- param queue text = 'default'
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

update job
set state = 'running',
    locked_by = :worker,
    locked_at = :now,
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
returning id, queue, task_key, priority, run_at, attempts, max_attempts, locked_at, payload;
