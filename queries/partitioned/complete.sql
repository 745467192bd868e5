-- Completes the jobs of one batch by their ids, in the days that they are of. Only the worker that holds a job completes it, so
-- a job that was rescued in the meantime is left to its new worker.
-- operation: complete
-- param ids bigint[] = fetched.id
-- param days int[] = fetched.day
-- param worker text = 'worker-1'
-- param now timestamptz = '2021-01-01 00:00+00'
-- variant completed-1: fetch.batch_size = 1
-- variant completed-10: fetch.batch_size = 10
-- variant completed-100: fetch.batch_size = 100
-- variant completed-1000: fetch.batch_size = 1000
-- variant completed-5000: fetch.batch_size = 5000

-- The row itself is updated, and no receipt written elsewhere: who holds the job stands in the row, so it is read anyway, and
-- what is left to be rescued remains a matter of one index. The old version goes with the day.
update job
set state = 'completed',
    finished_at = :now,
    locked_by = null,
    locked_at = null,
    heartbeat_at = null
where id = any(:ids)
  -- A fetch takes its jobs from one day or two that follow each other.
  and day >= (select min(given.day) from unnest(:days) as given (day))
  and day <= (select max(given.day) from unnest(:days) as given (day))
  and locked_by = :worker
returning id;
