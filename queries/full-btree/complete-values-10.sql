-- Completes 10 jobs by joining a list of ten rows written into the statement: each length is another text, and so another plan and
-- another prepared statement.
-- operation: complete
-- param ids bigint[] = fetched.id
-- param worker text = 'worker-1'
-- param now timestamptz = '2021-01-01 00:00+00'
-- variant completed-10: fetch.batch_size = 10

update job
set state = 'completed',
    finished_at = :now,
    locked_by = null,
    locked_at = null
from (values
    ((:ids)[1]), ((:ids)[2]), ((:ids)[3]), ((:ids)[4]), ((:ids)[5]), ((:ids)[6]), ((:ids)[7]), ((:ids)[8]), ((:ids)[9]),
    ((:ids)[10])
) as done (id)
where job.id = done.id
  -- The same as job.locked_by = :worker, without its estimate: statistics taken while nothing ran promise a single row.
  and (job.locked_by <> :worker) is false
returning job.id;
