-- Settles a whole batch in one update, from arrays that are read side by side: each job by its own outcome, completed with a
-- result, failed (tried again later while it has attempts left) or released.
-- operation: complete
-- param ids bigint[] = fetched.id
-- param outcomes text[] = array_fill('completed'::text, array[cardinality(fetched.id)])
-- param results jsonb[] = array_fill('{"ok": true}'::jsonb, array[cardinality(fetched.id)])
-- param errors text[] = array_fill('the task raised an error'::text, array[cardinality(fetched.id)])
-- param worker text = 'worker-1'
-- param now timestamptz = '2021-01-01 00:00+00'
-- param backoff interval = '1 second'
-- variant completed-1: fetch.batch_size = 1
-- variant completed-10: fetch.batch_size = 10
-- variant completed-100: fetch.batch_size = 100
-- variant completed-1000: fetch.batch_size = 1000
-- variant completed-5000: fetch.batch_size = 5000
-- variant mixed-10: fetch.batch_size = 10, outcomes = (
--     select array_agg(case n % 10 when 0 then 'failed' when 9 then 'released' else 'completed' end order by n)
--     from generate_subscripts(fetched.id, 1) as n)
-- variant mixed-100: fetch.batch_size = 100, outcomes = (
--     select array_agg(case n % 10 when 0 then 'failed' when 9 then 'released' else 'completed' end order by n)
--     from generate_subscripts(fetched.id, 1) as n)

update job
set state = case
        when outcome = 'completed' then 'completed'
        when outcome = 'failed' and attempts >= max_attempts then 'failed'
        else 'ready'
    end,
    finished_at = case when outcome = 'completed' or outcome = 'failed' and attempts >= max_attempts then :now end,
    result = case when outcome = 'completed' then given.result end,
    last_error = case when outcome = 'failed' then given.error else last_error end,
    -- The exponent is capped: sixteen doublings of a second are nine hours, and no number of attempts overflows it.
    scheduled_at = case
        when outcome = 'failed' and attempts < max_attempts then :now + :backoff * power(2, least(attempts, 16) - 1)
        else scheduled_at
    end,
    -- Work given back untouched does not use up an attempt.
    attempts = case when outcome = 'released' then attempts - 1 else attempts end,
    locked_by = null,
    locked_at = null
from unnest(:ids, :outcomes, :results, :errors) as given (id, outcome, result, error)
where job.id = given.id
  -- The same as job.locked_by = :worker, without its estimate: statistics taken while nothing ran promise a single row.
  and (job.locked_by <> :worker) is false
returning job.id, job.state;
