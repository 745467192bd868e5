-- Adds those jobs of a batch whose unique key no unfinished job has yet, and says which they are. A key that another transaction
-- is just adding makes this one wait until it is known whether that commits.
-- operation: enqueue
-- param unique_keys text[] = array['new-1']
-- param queues text[] = array['default']
-- param task_keys text[] = array['task-1']
-- param priorities int[] = array[1]
-- param run_ats timestamptz[] = array['2019-12-31 00:00+00']
-- param payloads jsonb[] = array['{"seq": 1}'::jsonb]
-- param now timestamptz = '2021-01-01 00:00+00'
-- param max_attempts int = 5
-- variant batch-1: unique_keys = array['new-1']
-- variant batch-1-known: unique_keys = array[fetched.unique_key[1]], fetch.batch_size = 1
-- variant batch-100:
--     unique_keys = (select array_agg('new-' || n order by n) from generate_series(1, 100) as n),
--     queues = array_fill('default'::text, array[100]),
--     task_keys = (select array_agg('task-' || 1 + n % 10 order by n) from generate_series(1, 100) as n),
--     priorities = array_fill(1, array[100]),
--     run_ats = array_fill('2019-12-31 00:00+00'::timestamptz, array[100]),
--     payloads = (select array_agg(jsonb_build_object('seq', n) order by n) from generate_series(1, 100) as n)
-- variant batch-100-half-known:
--     fetch.batch_size = 50,
--     unique_keys = (
--         select array_agg(coalesce(fetched.unique_key[n], 'new-' || n) order by n) from generate_series(1, 100) as n),
--     queues = array_fill('default'::text, array[100]),
--     task_keys = (select array_agg('task-' || 1 + n % 10 order by n) from generate_series(1, 100) as n),
--     priorities = array_fill(1, array[100]),
--     run_ats = array_fill('2019-12-31 00:00+00'::timestamptz, array[100]),
--     payloads = (select array_agg(jsonb_build_object('seq', n) order by n) from generate_series(1, 100) as n)

insert into job (queue, task_key, state, priority, scheduled_at, created_at, max_attempts, unique_key, metadata, payload)
select queue, task_key, 'ready', priority, run_at, :now, :max_attempts, unique_key, jsonb_build_object('task', task_key), payload
from unnest(:queues, :task_keys, :priorities, :run_ats, :unique_keys, :payloads)
    as given (queue, task_key, priority, run_at, unique_key, payload)
-- The condition is that of the index: a unique index that is partial is found by it only.
on conflict (unique_key) where unique_key is not null and state in ('ready', 'running') do nothing
returning id, unique_key;
