-- Appends a batch of jobs in one call, from arrays that are read side by side; those that are due later go where they wait for
-- that. A queue that is new gets its consumer.
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

with given as materialized (
    select *
    from unnest(:queues, :task_keys, :priorities, :run_ats, :payloads) as given (queue, task_key, priority, run_at, payload)
), registered as (
    insert into consumer (queue)
    select distinct queue
    from given
    where not exists (select from consumer where consumer.queue = given.queue)
    on conflict (queue) do nothing
), delayed as (
    insert into later (queue, task_key, priority, run_at, created_at, max_attempts, due_at, payload)
    select queue, task_key, priority, run_at, :now, :max_attempts, run_at, payload
    from given
    where run_at > :now
    returning id
), appended as (
    insert into event (turn, queue, task_key, priority, run_at, created_at, max_attempts, payload)
    select (select turn from rotation), queue, task_key, priority, run_at, :now, :max_attempts, payload
    from given
    where run_at <= :now
    returning id
)
select id from appended
union all
select id from delayed;
