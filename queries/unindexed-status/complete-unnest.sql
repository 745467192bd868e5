-- Deletes the completed jobs of one batch, joined to the array of their ids: the other common form, which needs a join, but can
-- take a value for each job beside its id.
-- operation: complete
-- param ids bigint[] = fetched.id
-- param worker text = 'worker-1'
-- variant completed-1: fetch.batch_size = 1
-- variant completed-10: fetch.batch_size = 10
-- variant completed-100: fetch.batch_size = 100
-- variant completed-1000: fetch.batch_size = 1000
-- variant completed-5000: fetch.batch_size = 5000

delete from job
using unnest(:ids) as done (id)
where job.id = done.id
  -- The same as job.locked_by = :worker, without its estimate: statistics taken while nothing ran promise a single row.
  and (job.locked_by <> :worker) is false
returning job.id;
