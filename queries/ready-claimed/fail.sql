-- Records that jobs failed: each is scheduled again after a delay that doubles with every attempt, until it has used up its
-- attempts and goes to the failed ones.
-- operation: fail
-- param ids bigint[] = fetched.id
-- param errors text[] = array_fill('the task raised an error'::text, array[cardinality(fetched.id)])
-- param worker text = 'worker-1'
-- param now timestamptz = '2021-01-01 00:00+00'
-- param backoff interval = '1 second'
-- variant failed-1: fetch.batch_size = 1
-- variant failed-10: fetch.batch_size = 10
-- variant failed-100: fetch.batch_size = 100

with given_up as (
    delete from claimed
    using unnest(:ids, :errors) as given (id, error)
    where claimed.job_id = given.id
      and claimed.locked_by = :worker
    returning claimed.job_id, claimed.attempts, given.error
), ended as (
    select job.id, job.queue, job.task_key, job.priority, given_up.attempts, job.max_attempts, given_up.error
    from given_up
    join job on job.id = given_up.job_id
), again as (
    insert into scheduled (job_id, queue, task_key, priority, run_at, attempts)
    select id, queue, task_key, priority,
           -- The exponent is capped: sixteen doublings of a second are nine hours, and no number of attempts overflows it.
           :now + :backoff * power(2, least(attempts, 16) - 1),
           attempts
    from ended
    where attempts < max_attempts
    returning job_id
), dead as (
    insert into failed (job_id, attempts, failed_at, last_error)
    select id, attempts, :now, error
    from ended
    where attempts >= max_attempts
    returning job_id
)
select job_id as id, 'scheduled' as state from again
union all
select job_id, 'failed' from dead;
