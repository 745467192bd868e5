-- Counts the jobs of each queue in each status. It reads the whole table, finished jobs included, every time it is asked.
-- operation: inspect

select queue, status as state, count(*) as jobs, min(run_at) as oldest
from job
group by queue, status;
