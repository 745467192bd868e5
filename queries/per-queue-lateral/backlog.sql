-- Counts the unfinished jobs of each queue and says how long the oldest has waited or run. The table has no others, so it costs
-- what there is to do, and the log, however long, costs nothing.
-- operation: inspect

select queue, state, count(*) as jobs, min(case when state = 'ready' then run_at else locked_at end) as oldest
from job
group by queue, state;
