-- Completes the jobs of one batch and stores the result of each, from one JSON document with a record for each job.
-- operation: complete
-- param jobs jsonb = (
--     select jsonb_agg(jsonb_build_object('id', job.id, 'day', job.day, 'result', '{"ok": true}'::jsonb))
--     from unnest(fetched.id, fetched.day) as job (id, day))
-- param worker text = 'worker-1'
-- param now timestamptz = '2021-01-01 00:00+00'
-- variant completed-1: fetch.batch_size = 1
-- variant completed-10: fetch.batch_size = 10
-- variant completed-100: fetch.batch_size = 100
-- variant completed-1000: fetch.batch_size = 1000
-- variant completed-5000: fetch.batch_size = 5000

with done as materialized (
    select id, day, result
    from jsonb_to_recordset(:jobs) as given (id bigint, day int, result jsonb)
)
update job
set state = 'completed',
    finished_at = :now,
    locked_by = null,
    locked_at = null,
    heartbeat_at = null,
    result = done.result
from done
where job.id = done.id
  -- Implied by the line above, and what the rows are found by: a join alone would look for each of them in every day, or read
  -- all days to be spared that.
  and job.id = any(array(select id from done))
  and job.day >= (select min(day) from done)
  and job.day <= (select max(day) from done)
  -- The same as job.locked_by = :worker, without its estimate: statistics taken while nothing ran promise a single row.
  and (job.locked_by <> :worker) is false
returning job.id;
