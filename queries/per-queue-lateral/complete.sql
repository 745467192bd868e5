-- Completes the jobs of one batch by their ids: they leave the table, and the log has a row of each. Only the worker that holds a
-- job completes it, so a job that another worker found stale in the meantime is left to that one.
-- operation: complete
-- param ids bigint[] = fetched.id
-- param worker text = 'worker-1'
-- param now timestamptz = '2021-01-01 00:00+00'
-- variant completed-1: fetch.batch_size = 1
-- variant completed-10: fetch.batch_size = 10
-- variant completed-100: fetch.batch_size = 100
-- variant completed-1000: fetch.batch_size = 1000
-- variant completed-5000: fetch.batch_size = 5000

with done as (
    delete from job
    where id = any(:ids)
      and locked_by = :worker
    returning id, queue, task_key, attempts
)
insert into job_log (job_id, queue, task_key, outcome, attempts, finished_at)
select id, queue, task_key, 'completed', attempts, :now
from done
returning job_id as id;
