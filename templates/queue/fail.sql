-- Records that one job failed: it is tried again after a delay that doubles with every attempt, until it has used up its attempts.
-- operation: fail
-- param id bigint = fetched.id[1]
-- param error text = 'the task raised an error'
-- param worker text = 'worker-1'
-- param now timestamptz = '2021-01-01 00:00+00'
-- param backoff interval = '1 second'
-- variant failed-1: fetch.batch_size = 1

-- One call a job, so it takes the first of the fetched ids. A statement for a whole batch takes arrays instead, as complete.sql.
update job
set state = case when attempts < max_attempts then 'ready' else 'failed' end,
    -- The exponent is capped: sixteen doublings of a second are nine hours, and no number of attempts overflows it.
    run_at = case when attempts < max_attempts then :now + :backoff * power(2, least(attempts, 16) - 1) else run_at end,
    finished_at = case when attempts < max_attempts then null else :now end,
    locked_by = null,
    locked_at = null,
    heartbeat_at = null,
    last_error = :error
where id = :id
  and locked_by = :worker
returning id, state;
