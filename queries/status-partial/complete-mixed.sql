-- Settles a batch of which most jobs completed, some failed and some are given back, with one statement for each outcome
-- in one transaction.
-- operation: complete
-- param ids bigint[] = fetched.id
-- param outcomes text[] = (
--     select array_agg(case n % 10 when 0 then 'failed' when 9 then 'released' else 'completed' end order by n)
--     from generate_subscripts(fetched.id, 1) as n)
-- param errors text[] = (
--     select array_agg(case n % 10 when 0 then 'the task raised an error' end order by n)
--     from generate_subscripts(fetched.id, 1) as n)
-- param worker text = 'worker-1'
-- param now timestamptz = '2021-01-01 00:00+00'
-- param backoff interval = '1 second'
-- variant mixed-10: fetch.batch_size = 10
-- variant mixed-100: fetch.batch_size = 100

-- statement: completed
update job
set state = 'completed',
    finished_at = :now,
    locked_by = null,
    locked_at = null,
    heartbeat_at = null
where id = any(array(
    select given.id
    from unnest(:ids, :outcomes) as given (id, outcome)
    where given.outcome = 'completed'
))
  and locked_by = :worker
returning id;

-- statement: failed
update job
set state = case when attempts < max_attempts then 'ready' else 'failed' end,
    run_at = case when attempts < max_attempts then :now + :backoff * power(2, least(attempts, 16) - 1) else run_at end,
    finished_at = case when attempts < max_attempts then null else :now end,
    locked_by = null,
    locked_at = null,
    heartbeat_at = null,
    last_error = given.error
from unnest(:ids, :outcomes, :errors) as given (id, outcome, error)
where job.id = given.id
  and given.outcome = 'failed'
  -- The same as job.locked_by = :worker, without its estimate: statistics taken while nothing ran promise a single row.
  and (job.locked_by <> :worker) is false
returning job.id;

-- statement: released
update job
set state = 'ready',
    attempts = attempts - 1,
    locked_by = null,
    locked_at = null,
    heartbeat_at = null
where id = any(array(
    select given.id
    from unnest(:ids, :outcomes) as given (id, outcome)
    where given.outcome = 'released'
))
  and locked_by = :worker
returning id;
