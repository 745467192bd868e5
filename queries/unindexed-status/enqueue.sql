-- Adds a batch of jobs in one call, from arrays that are read side by side.
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

insert into job (queue, task_key, priority, run_at, created_at, max_attempts, payload)
select queue, task_key, priority, run_at, :now, :max_attempts, payload
from unnest(:queues, :task_keys, :priorities, :run_ats, :payloads) as given (queue, task_key, priority, run_at, payload)
returning id;
