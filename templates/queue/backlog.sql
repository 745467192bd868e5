-- Counts the unfinished jobs of each queue and says how long the oldest has waited or run.
-- operation: inspect

-- Without a variant line there is one, `default`. The four columns are what every queue's backlog.sql returns: queue text, state text,
-- jobs bigint, oldest timestamptz. The states are written out, not read: then the two partial indexes hold all it takes.
select queue, 'ready' as state, count(*) as jobs, min(run_at) as oldest
from job
where state = 'ready'
group by queue
union all
select queue, 'running' as state, count(*) as jobs, min(locked_at) as oldest
from job
where state = 'running'
group by queue;
