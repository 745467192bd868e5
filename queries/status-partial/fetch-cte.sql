-- Claims the first due jobs of one queue in the other common form: a common table expression that locks them, joined to
-- the update. It reads well, but its generic plan has to guess how many rows the limit keeps, and may read the whole table to
-- join them.
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

with next as (
    select id
    from job
    where queue = :queue
      and state = 'ready'
      and run_at <= :now
      and (:task_keys::text[] is null or task_key = any(:task_keys))
    order by priority, run_at, id
    limit :batch_size
    for update skip locked
)
update job
set state = 'running',
    locked_by = :worker,
    locked_at = :now,
    heartbeat_at = :now,
    attempts = job.attempts + 1
from next
where job.id = next.id
returning job.id, job.queue, job.task_key, job.priority, job.run_at, job.attempts, job.max_attempts, job.locked_at, job.payload;
