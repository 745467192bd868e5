-- Jobs that were in work when their sessions ended are simply ready: nothing was written when they were taken.
insert into job (queue, task_key, state, priority, run_at, created_at, attempts, max_attempts, finished_at, payload, last_error)
select queue, task_key,
       case when state = 'running' then 'ready' else state end,
       priority, run_at, created_at,
       case when state = 'running' then attempts - 1 else attempts end,
       max_attempts,
       case when state in ('completed', 'failed') then run_at + interval '1 second' end,
       payload,
       case when state = 'failed' then 'the task raised an error' end
from pgqa_job;
