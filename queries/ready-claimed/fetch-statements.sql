-- Claims the first ready jobs of one queue as clients do that send a statement for each step: lock the rows, write the claims,
-- delete the rows, read the jobs. It takes a transaction and several round trips, and leaves scheduled jobs to somebody else.
-- operation: fetch
-- param queue text = 'default'
-- param worker text = 'worker-1'
-- param now timestamptz = '2021-01-01 00:00+00'
-- param batch_size int
-- param task_keys text[] = null
-- param ids bigint[] = locked.job_id
-- param attempts smallint[] = locked.attempts
-- variant batch-1: batch_size = 1
-- variant batch-10: batch_size = 10
-- variant batch-100: batch_size = 100
-- variant batch-1000: batch_size = 1000

-- statement: locked
select job_id, attempts
from ready
where queue = :queue
  and (:task_keys::text[] is null or task_key = any(:task_keys))
order by priority, job_id
limit :batch_size
for update skip locked;

-- statement: claimed
insert into claimed (job_id, attempts, locked_by, locked_at, heartbeat_at)
select id, attempts + 1, :worker, :now, :now
from unnest(:ids, :attempts) as given (id, attempts);

-- statement: removed
delete from ready
where job_id = any(:ids);

-- statement: jobs
select id, queue, task_key, priority, run_at, max_attempts, payload
from job
where id = any(:ids)
order by priority, id;
