-- Completes the jobs of one batch by their ids. Only the worker that holds a job completes it, so a job that was rescued
-- in the meantime is left to its new worker.
-- operation: complete
-- param ids bigint[] = fetched.id
-- param worker text = 'worker-1'
-- param now timestamptz = '2021-01-01 00:00+00'
-- variant completed-1: fetch.batch_size = 1
-- variant completed-10: fetch.batch_size = 10
-- variant completed-100: fetch.batch_size = 100
-- variant completed-1000: fetch.batch_size = 1000
-- variant completed-10-of-10000:
--     fetch.batch_size = 10000,
--     ids = (select array_agg(id) from (select id from unnest(fetched.id) as id order by id limit 10) as oldest)

-- locked_by says who holds the job. Asking for state = 'running' as well would offer the planner the index of running jobs,
-- which statistics taken while nothing ran make look free.
update job
set state = 'completed',
    finished_at = :now,
    locked_by = null,
    locked_at = null,
    heartbeat_at = null
where id = any(:ids)
  and locked_by = :worker
returning id;
