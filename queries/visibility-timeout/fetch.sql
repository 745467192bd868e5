-- Reads the oldest messages of one queue that can be seen by the server's clock, and hides them for as long as the lease. It
-- walks the primary key from its front, so it steps over every message that is hidden: those worked on, and those due later.
-- operation: fetch
-- param queue text = 'default'
-- param worker text = 'worker-1'
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

-- clock_timestamp() moves on while the statement runs, so it can be no condition of an index; it is asked once for each row. Nor
-- can the planner tell how many rows it lets through: it takes a third for granted, whether all of them can be seen or none.
update message
set visible_at = clock_timestamp() + :lease,
    locked_by = :worker,
    attempts = attempts + 1
where queue = :queue
  and id = any(array(
    select id
    from message
    where queue = :queue
      and visible_at <= clock_timestamp()
      and (:task_keys::text[] is null or task_key = any(:task_keys))
    order by id
    limit :batch_size
    for update skip locked
))
returning id, queue, task_key, visible_at, attempts, max_attempts, payload;
