-- The statement inside the function, by itself, for its plan to be seen. It lacks what the function does when another worker has
-- just taken a job of the same group: here that is an error, which the client would have to answer by asking again.
-- operation: fetch
-- param queue text = 'default'
-- param worker text = 'worker-1'
-- param now timestamptz = '2021-01-01 00:00+00'
-- param task_keys text[] = null
-- variant batch-1: task_keys = null
-- variant batch-1-filtered: task_keys = array['task-1', 'task-2']

update job
set state = 'running',
    locked_by = :worker,
    locked_at = :now,
    attempts = job.attempts + 1
where job.id = (
    select next.id
    from job as next
    where next.queue = :queue
      and next.state = 'ready'
      and next.run_at <= :now
      and (:task_keys::text[] is null or next.task_key = any(:task_keys))
      and case
          when next.group_key is null then true
          when exists (
              select
              from job as other
              where other.group_key = next.group_key
                and other.state = 'running'
              -- Keeps it one look at an index for each job that has a group, where the planner might gather
              -- all running groups first.
              offset 0
          ) then false
          -- Somebody may be about to take another job of the group: it is passed over, not waited for.
          else pg_try_advisory_xact_lock(hashtextextended(next.group_key, 0))
      end
    order by next.priority, next.run_at, next.id
    limit 1
    for update skip locked
)
returning id, queue, task_key, group_key, priority, run_at, attempts, max_attempts, locked_at, payload;
