-- Reads the oldest messages of one queue that can be seen at a time the reader gives, and hides them for as long as the lease.
-- With the time as a parameter the index by time can be used; the order of service still favours the walk of the primary key.
-- operation: fetch
-- param queue text = 'default'
-- param worker text = 'worker-1'
-- param now timestamptz = '2021-01-01 00:00+00'
-- param lease interval = '5 minutes'
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

update message
set visible_at = :now + :lease,
    locked_by = :worker,
    attempts = attempts + 1
where queue = :queue
  and id = any(array(
    select id
    from message
    where queue = :queue
      and visible_at <= :now
      and (:task_keys::text[] is null or task_key = any(:task_keys))
    order by id
    limit :batch_size
    for update skip locked
))
returning id, queue, task_key, visible_at, attempts, max_attempts, payload;
