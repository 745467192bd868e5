-- Adds a batch of jobs in one call, from arrays that are read side by side.
-- operation: enqueue
-- param queues text[] = array['default']
-- param task_keys text[] = array['task-1']
-- param priorities int[] = array[1]
-- param run_ats timestamptz[] = array['2019-12-31 00:00+00']
-- param payloads jsonb[] = array['{"seq": 1}'::jsonb]
-- param now timestamptz = '2021-01-01 00:00+00'
-- variant batch-1: queues = array['default']
-- variant batch-100:
--     queues = array_fill('default'::text, array[100]),
--     task_keys = array_fill('task-1'::text, array[100]),
--     priorities = array_fill(1, array[100]),
--     run_ats = array_fill('2019-12-31 00:00+00'::timestamptz, array[100]),
--     payloads = (select array_agg(jsonb_build_object('seq', n) order by n) from generate_series(1, 100) as n)

-- A line of `--` and four spaces continues the directive before it, as above. What stands after `=` is SQL that the server
-- evaluates; commas inside brackets and quotes separate nothing.
insert into job (queue, task_key, priority, run_at, created_at, payload)
select queue, task_key, priority, run_at, :now, payload
from unnest(:queues, :task_keys, :priorities, :run_ats, :payloads) as given (queue, task_key, priority, run_at, payload)
returning id;
