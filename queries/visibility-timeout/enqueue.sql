-- Adds a batch of messages in one call, from arrays that are read side by side. A message that is due later is one that cannot be
-- seen until then.
-- operation: enqueue
-- param queues text[] = array['default']
-- param task_keys text[] = array['task-1']
-- param run_ats timestamptz[] = array['2019-12-31 00:00+00']
-- param payloads jsonb[] = array['{"seq": 1}'::jsonb]
-- param now timestamptz = '2021-01-01 00:00+00'
-- param max_attempts int = 5
-- variant batch-1: queues = array['default']
-- variant batch-100:
--     queues = array_fill('default'::text, array[100]),
--     task_keys = (select array_agg('task-' || 1 + n % 10 order by n) from generate_series(1, 100) as n),
--     run_ats = array_fill('2019-12-31 00:00+00'::timestamptz, array[100]),
--     payloads = (select array_agg(jsonb_build_object('seq', n) order by n) from generate_series(1, 100) as n)

insert into message (queue, task_key, visible_at, created_at, max_attempts, payload)
select queue, task_key, run_at, :now, :max_attempts, payload
from unnest(:queues, :task_keys, :run_ats, :payloads) as given (queue, task_key, run_at, payload)
returning id;
