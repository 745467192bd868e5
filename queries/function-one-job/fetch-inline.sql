-- The statement inside the function, by itself, for its plan to be seen. It lacks what the function does when another worker
-- takes a job of the same group in the same moment: here that is an error, which the client would have to answer by asking again.
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
      and (next.group_key is null or not exists (
          select
          from job as other
          where other.group_key = next.group_key
            and other.state = 'running'
          -- Keeps it one look at an index for each job that has a group, where the planner might
          -- gather all running groups first.
          offset 0
      ))
    order by next.priority, next.run_at, next.id
    limit 1
    -- Without `of` the running job of the group would be meant as well, had it one.
    for update of next skip locked
)
returning id, queue, task_key, group_key, priority, run_at, attempts, max_attempts, locked_at, payload;
