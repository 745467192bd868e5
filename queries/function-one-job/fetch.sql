-- Takes the first due job of one queue whose group is free, by a function. What the function does is in schema.sql, and its
-- statement by itself in fetch-inline.sql, since a plan shows no more of a function than its name.
-- operation: fetch
-- param queue text = 'default'
-- param worker text = 'worker-1'
-- param now timestamptz = '2021-01-01 00:00+00'
-- param task_keys text[] = null
-- variant batch-1: task_keys = null
-- variant batch-1-filtered: task_keys = array['task-1', 'task-2']

select id, queue, task_key, group_key, priority, run_at, attempts, max_attempts, locked_at, payload
from fetch_job(:queue, :worker, :now, :task_keys);
