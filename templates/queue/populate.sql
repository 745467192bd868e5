-- Fills the tables from the rows of a fixture, which are the same for every queue:
--   pgqa_job   seq, queue, task_key, state (ready, completed, failed, running), priority, run_at, created_at, attempts, max_attempts,
--              unique_key, group_key, payload
--   pgqa_step  seq, step_key, result (null: not done yet)
-- No clock and no random function here: every build has to give the same tables. A uuid comes from seq: md5(seq::text)::uuid.

insert into job (queue, task_key, state, priority, run_at, created_at, attempts, max_attempts,
                 locked_by, locked_at, heartbeat_at, finished_at, last_error, payload)
select queue, task_key, state, priority, run_at, created_at, attempts, max_attempts,
       case when state = 'running' then 'worker-gone' end,
       case when state = 'running' then run_at end,
       case when state = 'running' then run_at end,
       case when state = 'failed' then run_at + interval '1 second' end,
       case when state = 'failed' then 'the task raised an error' end,
       payload
from pgqa_job
where state <> 'completed';
