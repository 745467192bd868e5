-- Completes one job by joining a list of one row written into the statement: each length is another text, and so another plan and
-- another prepared statement. Clients send a parameter for each row; here they are the elements of one array.
-- operation: complete
-- param ids bigint[] = fetched.id
-- param worker text = 'worker-1'
-- param now timestamptz = '2021-01-01 00:00+00'
-- variant completed-1: fetch.batch_size = 1

update job
set state = 'completed',
    finished_at = :now,
    locked_by = null,
    locked_at = null
from (values
    ((:ids)[1])
) as done (id)
where job.id = done.id
  -- The same as job.locked_by = :worker, without its estimate: statistics taken while nothing ran promise a single row.
  and (job.locked_by <> :worker) is false
returning job.id;
