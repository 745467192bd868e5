-- Completes the jobs of one batch and logs the result of each, from one JSON document with an object a job. The planner does not
-- look inside: it expects a hundred rows of any document, so of a small table it may rather read the whole.
-- operation: complete
-- param given jsonb = (
--     select jsonb_agg(jsonb_build_object('id', id, 'result', '{"ok": true}'::jsonb) order by id)
--     from unnest(fetched.id) as id)
-- param worker text = 'worker-1'
-- param now timestamptz = '2021-01-01 00:00+00'
-- variant completed-1: fetch.batch_size = 1
-- variant completed-10: fetch.batch_size = 10
-- variant completed-100: fetch.batch_size = 100
-- variant completed-1000: fetch.batch_size = 1000
-- variant completed-5000: fetch.batch_size = 5000

with done as (
    delete from job
    using jsonb_to_recordset(:given) as given (id bigint, result jsonb)
    where job.id = given.id
      -- The same as job.locked_by = :worker, without its estimate: statistics taken while nothing ran promise a single row.
      and (job.locked_by <> :worker) is false
    returning job.id, job.queue, job.task_key, job.attempts, given.result
)
insert into job_log (job_id, queue, task_key, outcome, attempts, finished_at, result)
select id, queue, task_key, 'completed', attempts, :now, result
from done
returning job_id as id;
