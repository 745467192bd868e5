-- Records that jobs failed: each is tried again after a delay that doubles with every attempt, until it has used up its attempts
-- and leaves the table for the log.
-- operation: fail
-- param ids bigint[] = fetched.id
-- param errors text[] = array_fill('the task raised an error'::text, array[cardinality(fetched.id)])
-- param worker text = 'worker-1'
-- param now timestamptz = '2021-01-01 00:00+00'
-- param backoff interval = '1 second'
-- variant failed-1: fetch.batch_size = 1
-- variant failed-10: fetch.batch_size = 10
-- variant failed-100: fetch.batch_size = 100

with again as (
    update job
    set state = 'ready',
        -- The exponent is capped: sixteen doublings of a second are nine hours, and no number of attempts overflows it.
        run_at = :now + :backoff * power(2, least(attempts, 16) - 1),
        locked_by = null,
        locked_at = null,
        heartbeat_at = null,
        last_error = given.error
    from unnest(:ids, :errors) as given (id, error)
    where job.id = given.id
      -- The same as job.locked_by = :worker, without its estimate: statistics taken while nothing ran promise a single row.
      and (job.locked_by <> :worker) is false
      and job.attempts < job.max_attempts
    returning job.id
), dead as (
    delete from job
    using unnest(:ids, :errors) as given (id, error)
    where job.id = given.id
      and (job.locked_by <> :worker) is false
      and job.attempts >= job.max_attempts
    returning job.id, job.queue, job.task_key, job.attempts, job.payload, given.error
), logged as (
    insert into job_log (job_id, queue, task_key, outcome, attempts, finished_at, payload, last_error)
    select id, queue, task_key, 'failed', attempts, :now, payload, error
    from dead
    returning job_id
)
select id, 'ready' as state from again
union all
select job_id, 'failed' from logged;
