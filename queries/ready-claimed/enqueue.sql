-- Adds a batch of jobs in one call, each with the row that says it is ready or scheduled: two rows in two tables, with the
-- entries of their indexes, where other designs write one.
-- operation: enqueue
-- param queues text[] = array['default']
-- param task_keys text[] = array['task-1']
-- param priorities int[] = array[1]
-- param run_ats timestamptz[] = array['2019-12-31 00:00+00']
-- param payloads jsonb[] = array['{"seq": 1}'::jsonb]
-- param now timestamptz = '2021-01-01 00:00+00'
-- param max_attempts int = 5
-- variant batch-1: queues = array['default']
-- variant batch-100:
--     queues = array_fill('default'::text, array[100]),
--     task_keys = (select array_agg('task-' || 1 + n % 10 order by n) from generate_series(1, 100) as n),
--     priorities = array_fill(1, array[100]),
--     run_ats = array_fill('2019-12-31 00:00+00'::timestamptz, array[100]),
--     payloads = (select array_agg(jsonb_build_object('seq', n) order by n) from generate_series(1, 100) as n)

with added as (
    insert into job (queue, task_key, priority, run_at, created_at, max_attempts, payload)
    select queue, task_key, priority, run_at, :now, :max_attempts, payload
    from unnest(:queues, :task_keys, :priorities, :run_ats, :payloads) as given (queue, task_key, priority, run_at, payload)
    returning id, queue, task_key, priority, run_at
), due as (
    insert into ready (job_id, queue, task_key, priority, run_at, attempts)
    select id, queue, task_key, priority, run_at, 0
    from added
    where run_at <= :now
    returning job_id
), later as (
    insert into scheduled (job_id, queue, task_key, priority, run_at, attempts)
    select id, queue, task_key, priority, run_at, 0
    from added
    where run_at > :now
    returning job_id
)
-- Reading what both inserts return has them done inside this statement's own plan, where their cost is seen.
select job_id as id from due
union all
select job_id from later;
