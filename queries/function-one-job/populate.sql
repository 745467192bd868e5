insert into job (queue, task_key, group_key, state, priority, run_at, created_at, attempts, max_attempts,
                 locked_by, locked_at, finished_at, payload, last_error)
select queue, task_key,
       -- Of a group one runs at a time: of those that are running, the first of each keeps its group.
       case
           when (seq % nullif(:grouped, 0) = 0) is not true then null
           when state <> 'running' then group_key
           when seq = any(array(
               select min(seq)
               from pgqa_job
               where state = 'running'
                 and seq % nullif(:grouped, 0) = 0
               group by group_key
           )) then group_key
       end,
       state, priority, run_at, created_at, attempts, max_attempts,
       case when state = 'running' then 'worker-gone' end,
       case when state = 'running' then run_at end,
       case when state in ('completed', 'failed') then run_at + interval '1 second' end,
       payload,
       case when state = 'failed' then 'the task raised an error' end
from pgqa_job;

insert into worker (name, heartbeat_at)
select 'worker-gone', max(run_at)
from pgqa_job
where state = 'running'
having count(*) > 0;
