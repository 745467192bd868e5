-- Counts the unfinished executions of each queue and says how long the oldest has waited or run. It reads the two partial
-- indexes only, so it costs one index entry a waiting execution, and the finished ones, however many, cost nothing.
-- operation: inspect

select queue, state, count(*) as jobs, min(run_at) as oldest
from execution
where state = 'ready'
group by queue, state
union all
select queue, state, count(*) as jobs, min(locked_at) as oldest
from execution
where state = 'running'
group by queue, state;
