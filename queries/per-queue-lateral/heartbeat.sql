-- Says that a worker is still busy with the jobs it holds, so that no fetch finds them stale. The index of stale jobs has the
-- column it changes, so every heartbeat writes to all indexes. A job missing from its answer is no longer the worker's.
-- operation: heartbeat
-- param ids bigint[] = fetched.id
-- param worker text = 'worker-1'
-- param now timestamptz = '2021-01-01 00:01+00'
-- variant batch-1: fetch.batch_size = 1
-- variant batch-10: fetch.batch_size = 10
-- variant batch-100: fetch.batch_size = 100

update job
set heartbeat_at = :now
where id = any(:ids)
  and locked_by = :worker
returning id;
