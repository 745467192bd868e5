-- Deletes the jobs of one batch instead of keeping them: then a job's row is never updated unless the job fails, and there is
-- no history to prune.
-- operation: complete
-- param ids bigint[] = fetched.id
-- variant completed-1: fetch.batch_size = 1
-- variant completed-10: fetch.batch_size = 10
-- variant completed-100: fetch.batch_size = 100
-- variant completed-1000: fetch.batch_size = 1000

delete from job
where id = any(array(
    select given.id
    from unnest(:ids) as given (id)
    -- True only for a lock that this session has; the transaction takes it over first and keeps it until it has committed.
    where case when pg_try_advisory_xact_lock(given.id) then pg_advisory_unlock(given.id) else false end
))
returning id;
