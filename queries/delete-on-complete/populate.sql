-- Completed jobs were deleted long ago. A job that failed for good is one that has used up its attempts.
insert into job (queue, task_key, priority, run_at, created_at, attempts, max_attempts,
                 locked_by, locked_at, payload, last_error)
select queue, task_key, priority, run_at, created_at,
       case when state = 'failed' then greatest(attempts, max_attempts) else attempts end,
       max_attempts,
       case when state = 'running' then 'worker-gone' end,
       case when state = 'running' then run_at end,
       payload,
       case when state = 'failed' then 'the task raised an error' end
from pgqa_job
where state <> 'completed';
