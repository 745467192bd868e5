-- Says that a worker is still busy with its batches: one row a batch. No index has the column it changes, so it is a heap-only
-- update wherever the page has room. A batch missing from its answer is no longer the worker's.
-- operation: heartbeat
-- param batch_ids bigint[] = fetched.batch_id
-- param worker text = 'worker-1'
-- param now timestamptz = '2021-01-01 00:01+00'
-- variant batch-1: fetch.batch_size = 1
-- variant batch-10: fetch.batch_size = 10
-- variant batch-100: fetch.batch_size = 100

update batch
set heartbeat_at = :now
where id = any(:batch_ids)
  and locked_by = :worker
returning id as batch_id;
