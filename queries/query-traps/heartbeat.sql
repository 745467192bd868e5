-- Says that a worker is still busy with the jobs it holds. No index has the column it changes, so it is a heap-only update
-- wherever the page has room. A job missing from its answer is no longer the worker's.
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
