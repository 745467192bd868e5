insert into job (id, queue, task_key, state, priority, run_at, created_at, attempts, max_attempts,
                 locked_by, locked_at, heartbeat_at, payload)
select seq, queue, task_key, state, priority, run_at, created_at, attempts, max_attempts,
       case when state = 'running' then 'worker-gone' end,
       case when state = 'running' then run_at end,
       case when state = 'running' then run_at end,
       payload
from pgqa_job
where state in ('ready', 'running');

insert into job_log (job_id, queue, task_key, outcome, attempts, finished_at, payload, last_error)
select seq, queue, task_key, state, attempts, run_at + interval '1 second',
       case when state = 'failed' then payload end,
       case when state = 'failed' then 'the task raised an error' end
from pgqa_job
where state in ('completed', 'failed');

-- The ids were given, since the log has them too; those of new jobs come after.
select setval(pg_get_serial_sequence('job', 'id'), max(seq)) from pgqa_job;
