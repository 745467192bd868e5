-- Completes the jobs of one batch and stores the result of each, from two arrays read side by side.
-- operation: complete
-- param ids bigint[] = fetched.id
-- param results jsonb[] = array_fill('{"ok": true}'::jsonb, array[cardinality(fetched.id)])
-- param worker text = 'worker-1'
-- param now timestamptz = '2021-01-01 00:00+00'
-- variant completed-1: fetch.batch_size = 1
-- variant completed-10: fetch.batch_size = 10
-- variant completed-100: fetch.batch_size = 100
-- variant completed-1000: fetch.batch_size = 1000

update job
set state = 'completed',
    finished_at = :now,
    locked_by = null,
    locked_at = null,
    heartbeat_at = null,
    result = done.result
from unnest(:ids, :results) as done (id, result)
where job.id = done.id
  -- The same as job.locked_by = :worker, without its estimate: statistics taken while nothing ran promise a single row.
  and (job.locked_by <> :worker) is false
returning job.id;
