-- A message that a worker is busy with is hidden for longer than any measurement lasts.
insert into message (queue, id, task_key, visible_at, created_at, attempts, max_attempts, locked_by, payload)
select queue, seq, task_key,
       case when state = 'running' then timestamptz '2200-01-01 00:00+00' else run_at end,
       created_at, attempts, max_attempts,
       case when state = 'running' then 'worker-gone' end,
       payload
from pgqa_job
where state in ('ready', 'running');

insert into archive (id, queue, task_key, outcome, created_at, archived_at, attempts, payload, last_error)
select seq, queue, task_key, state, created_at, run_at + interval '1 second', attempts, payload,
       case when state = 'failed' then 'the task raised an error' end
from pgqa_job
where state in ('completed', 'failed');

-- The ids above were given, not drawn: without this the next message would get one of them.
select setval(pg_get_serial_sequence('message', 'id'), max(seq)) from pgqa_job;
