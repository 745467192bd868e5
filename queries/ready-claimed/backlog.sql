-- Counts the unfinished jobs of each queue and says how long the oldest has waited or run. It reads the small tables whole, and
-- the job of each claim for the name of its queue; finished jobs, however many, cost nothing.
-- operation: inspect

select queue, 'ready' as state, count(*) as jobs, min(run_at) as oldest
from ready
group by queue
union all
select queue, 'scheduled' as state, count(*) as jobs, min(run_at) as oldest
from scheduled
group by queue
union all
select job.queue, 'running' as state, count(*) as jobs, min(claimed.locked_at) as oldest
from claimed
join job on job.id = claimed.job_id
group by job.queue;
