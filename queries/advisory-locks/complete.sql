-- Completes the jobs of one batch by their ids and unlocks them. Only the session that holds a job's lock completes it.
-- operation: complete
-- param ids bigint[] = fetched.id
-- param now timestamptz = '2021-01-01 00:00+00'
-- variant completed-1: fetch.batch_size = 1
-- variant completed-10: fetch.batch_size = 10
-- variant completed-100: fetch.batch_size = 100
-- variant completed-1000: fetch.batch_size = 1000

update job
set state = 'completed',
    finished_at = :now
where id = any(array(
    select given.id
    from unnest(:ids) as given (id)
    -- An unlock answers true only for a lock that this session has. Before it, the transaction takes the lock for itself, and
    -- keeps it until its changes are there for all to see: otherwise another session could lock the job while its row still
    -- says that it is ready.
    where case when pg_try_advisory_xact_lock(given.id) then pg_advisory_unlock(given.id) else false end
))
returning id;
