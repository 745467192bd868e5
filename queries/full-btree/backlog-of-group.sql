-- Counts the unfinished jobs whose metadata name one group, for example one customer. The index over the metadata finds them, and
-- with them all finished jobs of the group that are still there.
-- operation: inspect
-- param wanted jsonb = '{"group": "group-1"}'

select queue, state, count(*) as jobs, min(scheduled_at) as oldest
from job
where metadata @> :wanted
  and state in ('ready', 'running')
group by queue, state;
