insert into job (queue, task_key, state, priority, run_at, created_at, attempts, max_attempts,
                 locked_by, locked_at, heartbeat_at, finished_at, payload, last_error)
select queue, task_key, state, priority, run_at, created_at, attempts, max_attempts,
       case when state = 'running' then 'worker-gone' end,
       case when state = 'running' then run_at end,
       case when state = 'running' then run_at end,
       case when state in ('completed', 'failed') then run_at + interval '1 second' end,
       payload,
       case when state = 'failed' then 'the task raised an error' end
from pgqa_job;

insert into queue_settings (queue)
select distinct queue
from pgqa_job
order by queue;
