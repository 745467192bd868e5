-- Records that jobs failed and unlocks them: each is tried again after a delay that doubles with every attempt, until it has
-- used up its attempts and stays failed. Here an attempt is counted, and nowhere else.
-- operation: fail
-- param ids bigint[] = fetched.id
-- param errors text[] = array_fill('the task raised an error'::text, array[cardinality(fetched.id)])
-- param now timestamptz = '2021-01-01 00:00+00'
-- param backoff interval = '1 second'
-- variant failed-1: fetch.batch_size = 1
-- variant failed-10: fetch.batch_size = 10
-- variant failed-100: fetch.batch_size = 100

with mine as materialized (
    select given.id, given.error
    from unnest(:ids, :errors) as given (id, error)
    -- True only for a lock that this session has; the transaction takes it over first and keeps it until it has committed.
    where case when pg_try_advisory_xact_lock(given.id) then pg_advisory_unlock(given.id) else false end
)
update job
set attempts = attempts + 1,
    state = case when attempts + 1 < max_attempts then 'ready' else 'failed' end,
    -- The exponent is capped: sixteen doublings of a second are nine hours, and no number of attempts overflows it.
    run_at = case when attempts + 1 < max_attempts then :now + :backoff * power(2, least(attempts, 15)) else run_at end,
    finished_at = case when attempts + 1 < max_attempts then null else :now end,
    last_error = mine.error
from mine
where job.id = mine.id
returning job.id, job.state;
