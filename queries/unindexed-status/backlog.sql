-- Counts the jobs of each queue that wait, run or have failed for good, and says how long the oldest has waited or run. It reads
-- both tables whole, for no index tells the states apart; completed jobs are in neither.
-- operation: inspect

select queue, state, count(*) as jobs, min(coalesce(locked_at, run_at)) as oldest
from job
group by queue, state
union all
select queue, 'failed' as state, count(*) as jobs, min(failed_at) as oldest
from failed_job
group by queue;
