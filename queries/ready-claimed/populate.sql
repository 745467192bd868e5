insert into job (id, queue, task_key, priority, run_at, created_at, max_attempts, finished_at, payload)
select seq, queue, task_key, priority, run_at, created_at, max_attempts,
       case when state = 'completed' then run_at + interval '1 second' end,
       payload
from pgqa_job;

-- The ids were given, since the rows below need them; those of new jobs come after.
select setval(pg_get_serial_sequence('job', 'id'), max(id)) from job;

insert into ready (job_id, queue, task_key, priority, run_at, attempts)
select seq, queue, task_key, priority, run_at, attempts
from pgqa_job
where state = 'ready'
  and run_at <= '2021-01-01 00:00+00';

insert into scheduled (job_id, queue, task_key, priority, run_at, attempts)
select seq, queue, task_key, priority, run_at, attempts
from pgqa_job
where state = 'ready'
  and run_at > '2021-01-01 00:00+00';

insert into claimed (job_id, attempts, locked_by, locked_at, heartbeat_at)
select seq, attempts, 'worker-gone', run_at, run_at
from pgqa_job
where state = 'running';

insert into failed (job_id, attempts, failed_at, last_error)
select seq, attempts, run_at + interval '1 second', 'the task raised an error'
from pgqa_job
where state = 'failed';
