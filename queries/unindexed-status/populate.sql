-- Completed jobs were deleted long ago.
insert into job (id, queue, task_key, state, priority, run_at, created_at, attempts, max_attempts, locked_by, locked_at, payload)
select seq, queue, task_key, state, priority, run_at, created_at, attempts, max_attempts,
       case when state = 'running' then 'worker-gone' end,
       case when state = 'running' then run_at end,
       payload
from pgqa_job
where state in ('ready', 'running');

insert into failed_job (id, queue, task_key, priority, created_at, failed_at, attempts, payload, last_error)
select seq, queue, task_key, priority, created_at, run_at + interval '1 second', attempts, payload, 'the task raised an error'
from pgqa_job
where state = 'failed';

-- The ids were given here; what is added from now on goes on behind them.
select setval(pg_get_serial_sequence('job', 'id'), max(seq)) from pgqa_job;
