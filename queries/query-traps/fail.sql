-- Records that jobs failed: each is tried again after a delay that doubles with every attempt, until it has used up its
-- attempts and stays failed.
-- operation: fail
-- param ids bigint[] = fetched.id
-- param errors text[] = array_fill('the task raised an error'::text, array[cardinality(fetched.id)])
-- param worker text = 'worker-1'
-- param now timestamptz = '2021-01-01 00:00+00'
-- param backoff interval = '1 second'
-- variant failed-1: fetch.batch_size = 1
-- variant failed-10: fetch.batch_size = 10
-- variant failed-100: fetch.batch_size = 100

update job
set state = case when attempts < max_attempts then 'ready' else 'failed' end,
    -- The exponent is capped: sixteen doublings of a second are nine hours, and no number of attempts overflows it.
    run_at = case when attempts < max_attempts then :now + :backoff * power(2, least(attempts, 16) - 1) else run_at end,
    finished_at = case when attempts < max_attempts then null else :now end,
    locked_by = null,
    locked_at = null,
    heartbeat_at = null,
    last_error = given.error
from unnest(:ids, :errors) as given (id, error)
where job.id = given.id
  -- The same as job.locked_by = :worker, without its estimate: statistics taken while nothing ran promise a single row.
  and (job.locked_by <> :worker) is false
returning job.id, job.state;
