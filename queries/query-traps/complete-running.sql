-- A trap: besides the ids and the worker it asks for the state, to be safe. That offers the planner the index of running jobs,
-- which statistics taken while nothing ran make look empty, so with many running all of them are read to complete a few. Healthy:
-- the ids and locked_by; whoever holds a job has it running.
-- operation: complete
-- param ids bigint[] = fetched.id
-- param worker text = 'worker-1'
-- param now timestamptz = '2021-01-01 00:00+00'
-- variant completed-1: fetch.batch_size = 1
-- variant completed-10: fetch.batch_size = 10
-- variant completed-100: fetch.batch_size = 100
-- variant completed-10-of-10000:
--     fetch.batch_size = 10000,
--     ids = (select array_agg(id) from (select id from unnest(fetched.id) as id order by id limit 10) as oldest)

update job
set state = 'completed',
    finished_at = :now,
    locked_by = null,
    locked_at = null,
    heartbeat_at = null
where id = any(:ids)
  and state = 'running'
  and locked_by = :worker
returning id;
