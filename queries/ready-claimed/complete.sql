-- Completes the jobs of one batch by their ids: the claims go, and the jobs are marked as finished. Only the worker that holds a
-- job completes it, so a job that was rescued in the meantime is left to its new worker.
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
    delete from claimed
    where job_id = any(:ids)
      and locked_by = :worker
    returning job_id
)
update job
set finished_at = :now
where id = any(array(select job_id from done))
returning id;
