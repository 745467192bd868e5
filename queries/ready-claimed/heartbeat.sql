-- Says that a worker is still busy with the jobs it holds. The rows it rewrites are small and few, and no index has the column it
-- changes. A job missing from its answer is no longer the worker's.
-- operation: heartbeat
-- param ids bigint[] = fetched.id
-- param worker text = 'worker-1'
-- param now timestamptz = '2021-01-01 00:01+00'
-- variant batch-1: fetch.batch_size = 1
-- variant batch-10: fetch.batch_size = 10
-- variant batch-100: fetch.batch_size = 100

update claimed
set heartbeat_at = :now
where job_id = any(:ids)
  and locked_by = :worker
returning job_id as id;
