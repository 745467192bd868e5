-- Gives jobs back that were claimed but not worked on, for example when a worker shuts down. They keep their place and the
-- attempt is not counted.
-- operation: release
-- param ids bigint[] = fetched.id
-- param worker text = 'worker-1'
-- variant released-1: fetch.batch_size = 1
-- variant released-10: fetch.batch_size = 10
-- variant released-100: fetch.batch_size = 100

update job
set state = 'ready',
    attempts = attempts - 1,
    locked_by = null,
    locked_at = null,
    heartbeat_at = null
where id = any(:ids)
  and locked_by = :worker
returning id;
