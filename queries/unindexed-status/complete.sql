-- Deletes the completed jobs of one batch by their ids. Only the worker that holds a job deletes it, so a job that was rescued in
-- the meantime is left to its new worker.
-- operation: complete
-- param ids bigint[] = fetched.id
-- param worker text = 'worker-1'
-- variant completed-1: fetch.batch_size = 1
-- variant completed-10: fetch.batch_size = 10
-- variant completed-100: fetch.batch_size = 100
-- variant completed-1000: fetch.batch_size = 1000
-- variant completed-5000: fetch.batch_size = 5000

delete from job
where id = any(:ids)
  and locked_by = :worker
returning id;
