-- Claims the first ready jobs of one queue: their rows leave the ready table, and as many come into the claimed one. On the way
-- it takes jobs that have come due out of the scheduled ones: it claims them where too few are ready, else it makes them ready.
-- operation: fetch
-- param queue text = 'default'
-- param worker text = 'worker-1'
-- param now timestamptz = '2021-01-01 00:00+00'
-- param batch_size int
-- param task_keys text[] = null
-- variant batch-1: batch_size = 1
-- variant batch-10: batch_size = 10
-- variant batch-100: batch_size = 100
-- variant batch-1000: batch_size = 1000
-- variant batch-1-filtered: batch_size = 1, task_keys = array['task-1', 'task-2']
-- variant batch-10-filtered: batch_size = 10, task_keys = array['task-1', 'task-2']
-- variant batch-100-filtered: batch_size = 100, task_keys = array['task-1', 'task-2']
-- variant batch-1000-filtered: batch_size = 1000, task_keys = array['task-1', 'task-2']

with due as (
    -- Where nothing is due this is one look at the front of an index.
    delete from scheduled
    where job_id = any(array(
        select job_id
        from scheduled
        where queue = :queue
          and run_at <= :now
          and (:task_keys::text[] is null or task_key = any(:task_keys))
        order by run_at
        limit :batch_size
        for update skip locked
    ))
    returning job_id, queue, task_key, priority, run_at, attempts
), taken as (
    delete from ready
    where job_id = any(array(
        select job_id
        from ready
        where queue = :queue
          and (:task_keys::text[] is null or task_key = any(:task_keys))
        order by priority, job_id
        limit :batch_size
        for update skip locked
    ))
    returning job_id, run_at, attempts
), ranked as (
    select due.*, row_number() over (order by priority, job_id) > :batch_size - (select count(*) from taken) as is_left
    from due
), made_ready as (
    insert into ready (job_id, queue, task_key, priority, run_at, attempts)
    select job_id, queue, task_key, priority, run_at, attempts
    from ranked
    where is_left
), next as (
    select job_id, run_at, attempts + 1 as attempts
    from taken
    union all
    select job_id, run_at, attempts + 1
    from ranked
    where not is_left
), held as (
    insert into claimed (job_id, attempts, locked_by, locked_at, heartbeat_at)
    select job_id, attempts, :worker, :now, :now
    from next
    returning job_id, locked_at
)
select job.id, job.queue, job.task_key, job.priority, next.run_at, next.attempts, job.max_attempts, held.locked_at, job.payload
from held
join next on next.job_id = held.job_id
join job on job.id = held.job_id;
