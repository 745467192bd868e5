-- Counts the jobs of each queue that wait, run or have failed for good, and says how long the oldest has waited or run. It reads
-- the whole table, for no index tells the queues apart; completed jobs are not in it, so it costs the backlog alone.
-- operation: inspect

select queue,
       case when is_available then 'ready' when locked_at is not null then 'running' else 'failed' end as state,
       count(*) as jobs,
       min(coalesce(locked_at, run_at)) as oldest
from job
group by 1, 2;
