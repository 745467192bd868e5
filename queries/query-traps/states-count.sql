-- A trap: counts the jobs in every state for a dashboard. The finished ones are most of them and only grow, and no index has all
-- of them: it reads the whole table each time somebody looks. Healthy: count what waits and runs only, as backlog does.
-- operation: inspect

select state, count(*) as jobs
from job
group by state;
