-- Completes one job by a function: a call, a round trip and a commit for each job. It returns the job's id if the worker held it.
-- operation: complete
-- param id bigint = fetched.id[1]
-- param worker text = 'worker-1'
-- param now timestamptz = '2021-01-01 00:00+00'
-- variant completed-1: id = fetched.id[1]

select done.id
from complete_job(:id, :worker, :now) as done (id);
