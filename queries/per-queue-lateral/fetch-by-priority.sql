-- Claims the jobs that come first over several queues taken together. For that it has to see the first few of every queue, and it
-- locks all of them: it reads and writes batch times queues rows, and other workers pass over those it does not take.
-- operation: fetch
-- param queues text[] = array['default', 'queue-2', 'queue-3', 'queue-4', 'queue-5']
-- param worker text = 'worker-1'
-- param now timestamptz = '2021-01-01 00:00+00'
-- param timeout interval = '5 minutes'
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
    heartbeat_at = :now,
    attempts = attempts + 1
where id = any(array(
    select next.id
    from unnest(:queues) as wanted (queue)
    cross join lateral (
        select stale.id, stale.priority, stale.run_at
        from (
            select job.id, job.priority, job.run_at
            from job
            where job.queue = wanted.queue
              and job.state = 'running'
              and job.heartbeat_at < :now - :timeout
              and (:task_keys::text[] is null or job.task_key = any(:task_keys))
            order by job.heartbeat_at
            limit :batch_size
            for update skip locked
        ) as stale
        union all
        select due.id, due.priority, due.run_at
        from (
            select job.id, job.priority, job.run_at
            from job
            where job.queue = wanted.queue
              and job.state = 'ready'
              and job.run_at <= :now
              and (:task_keys::text[] is null or job.task_key = any(:task_keys))
            order by job.priority, job.run_at, job.id
            limit :batch_size
            for update skip locked
        ) as due
    ) as next
    order by next.priority, next.run_at, next.id
    limit :batch_size
))
returning id, queue, task_key, priority, run_at, attempts, max_attempts, locked_at, payload;
