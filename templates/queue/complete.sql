-- Deletes the jobs of one batch, as far as the worker still holds them.
-- operation: complete
-- param ids bigint[] = fetched.id
-- param worker text = 'worker-1'
-- variant completed-1: fetch.batch_size = 1
-- variant completed-10: fetch.batch_size = 10
-- variant completed-100: fetch.batch_size = 100

-- `fetched` is what fetch.sql returned: one row with, for each of its columns, the array of the values. A statement that names it is
-- measured right after a fetch that is committed and not measured; `fetch.batch_size` sets a parameter of that fetch.
--
-- `state = 'running'` is not asked for: it would offer the planner the index of the running jobs, which statistics taken while
-- nothing ran make look free.
delete from job
where id = any(:ids)
  and locked_by = :worker
returning id;
