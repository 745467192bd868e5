insert into job (queue, task_key, status, priority, run_at, created_at, updated_at, attempts, max_attempts,
                 locked_by, payload, last_error)
select queue, task_key, state, priority, run_at, created_at,
       case when state = 'ready' then created_at else run_at end,
       attempts, max_attempts,
       case when state = 'running' then 'worker-gone' end,
       payload,
       case when state = 'failed' then 'the task raised an error' end
from pgqa_job;
