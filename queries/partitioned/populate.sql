-- Each day has an equal share of the jobs, the oldest day the oldest jobs.
insert into job (day, queue, task_key, state, priority, run_at, created_at, attempts, max_attempts,
                 locked_by, locked_at, heartbeat_at, finished_at, payload, last_error)
select 1 + (seq - 1) * :partitions / (select count(*) from pgqa_job),
       queue, task_key, state, priority, run_at, created_at, attempts, max_attempts,
       case when state = 'running' then 'worker-gone' end,
       case when state = 'running' then run_at end,
       case when state = 'running' then run_at end,
       case when state in ('completed', 'failed') then run_at + interval '1 second' end,
       payload,
       case when state = 'failed' then 'the task raised an error' end
from pgqa_job;

update ring
set first_day = coalesce((select min(day) from job where state in ('ready', 'running')), today);
