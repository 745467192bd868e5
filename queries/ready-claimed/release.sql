-- Gives jobs back that were claimed but not worked on, for example when a worker shuts down. They are ready again in their old
-- place, and the attempt is not counted.
-- operation: release
-- param ids bigint[] = fetched.id
-- param worker text = 'worker-1'
-- variant released-1: fetch.batch_size = 1
-- variant released-10: fetch.batch_size = 10
-- variant released-100: fetch.batch_size = 100

with given_back as (
    delete from claimed
    where job_id = any(:ids)
      and locked_by = :worker
    returning job_id, attempts
)
insert into ready (job_id, queue, task_key, priority, run_at, attempts)
select job.id, job.queue, job.task_key, job.priority, job.run_at, given_back.attempts - 1
from given_back
join job on job.id = given_back.job_id
returning job_id as id;
