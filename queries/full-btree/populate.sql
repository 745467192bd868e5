insert into job (queue, task_key, state, priority, scheduled_at, created_at, attempts, max_attempts,
                 locked_by, locked_at, finished_at, unique_key, metadata, payload, last_error)
select queue, task_key, state, priority, run_at, created_at, attempts, max_attempts,
       case when state = 'running' then 'worker-gone' end,
       case when state = 'running' then run_at end,
       case when state in ('completed', 'failed') then run_at + interval '1 second' end,
       unique_key,
       jsonb_build_object('task', task_key, 'group', group_key),
       payload,
       case when state = 'failed' then 'the task raised an error' end
from pgqa_job;
