-- Counts the unfinished jobs of each queue and says how long the oldest has waited or run. It reads the two partial indexes
-- only, so it costs one index entry a waiting job, and the finished ones, however many, cost nothing.
-- operation: inspect

-- The state is written out, not read: no index has it, and to read it would mean reading every waiting row.
select queue, 'ready' as state, count(*) as jobs, min(run_at) as oldest
from job
where state = 'ready'
group by queue
union all
select queue, 'running' as state, count(*) as jobs, min(locked_at) as oldest
from job
where state = 'running'
group by queue;
