-- Records that jobs failed: each is tried again after a delay that doubles with every attempt; those that have used up their
-- attempts move to the table of failed jobs, where no fetch has to step over them.
-- operation: fail
-- param ids bigint[] = fetched.id
-- param errors text[] = array_fill('the task raised an error'::text, array[cardinality(fetched.id)])
-- param worker text = 'worker-1'
-- param now timestamptz = '2021-01-01 00:00+00'
-- param backoff interval = '1 second'
-- variant failed-1: fetch.batch_size = 1
-- variant failed-10: fetch.batch_size = 10
-- variant failed-100: fetch.batch_size = 100

-- Retrying and giving up concern different rows, told apart by a column that neither changes for the other.
with given_up as (
    delete from job
    using unnest(:ids, :errors) as given (id, error)
    where job.id = given.id
      and job.attempts >= job.max_attempts
      -- The same as job.locked_by = :worker, without its estimate: statistics taken while nothing ran promise a single row.
      and (job.locked_by <> :worker) is false
    returning job.*, given.error
), moved as (
    insert into failed_job (id, queue, task_key, priority, created_at, failed_at, attempts, payload, last_error)
    select id, queue, task_key, priority, created_at, :now, attempts, payload, error
    from given_up
    returning id
), retried as (
    update job
    set state = 'ready',
        -- The exponent is capped: sixteen doublings of a second are nine hours, and no number of attempts overflows it.
        run_at = :now + :backoff * power(2, least(attempts, 16) - 1),
        locked_by = null,
        locked_at = null,
        last_error = given.error
    from unnest(:ids, :errors) as given (id, error)
    where job.id = given.id
      and job.attempts < job.max_attempts
      and (job.locked_by <> :worker) is false
    returning job.id
)
select id, 'failed' as state from moved
union all
select id, 'ready' as state from retried;
