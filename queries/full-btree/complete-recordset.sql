-- Completes the jobs of one batch from a single JSON value that holds an object for each: one parameter whatever a job brings
-- along, but the client has to write it, the server has to parse it, and the planner takes it for a hundred rows.
-- operation: complete
-- param settled jsonb = (
--     select jsonb_agg(jsonb_build_object('id', id, 'result', '{"ok": true}'::jsonb)) from unnest(fetched.id) as id)
-- param worker text = 'worker-1'
-- param now timestamptz = '2021-01-01 00:00+00'
-- variant completed-1: fetch.batch_size = 1
-- variant completed-10: fetch.batch_size = 10
-- variant completed-100: fetch.batch_size = 100
-- variant completed-1000: fetch.batch_size = 1000
-- variant completed-5000: fetch.batch_size = 5000

update job
set state = 'completed',
    finished_at = :now,
    result = done.result,
    locked_by = null,
    locked_at = null
from jsonb_to_recordset(:settled) as done (id bigint, result jsonb)
where job.id = done.id
  -- The same as job.locked_by = :worker, without its estimate: statistics taken while nothing ran promise a single row.
  and (job.locked_by <> :worker) is false
returning job.id;
