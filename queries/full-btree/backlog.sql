-- Counts the unfinished jobs of each queue and says since when the oldest is due. The index over all rows has all of that, and
-- the finished jobs, though they are in it too, lie elsewhere.
-- operation: inspect

select queue, state, count(*) as jobs, min(scheduled_at) as oldest
from job
where state in ('ready', 'running')
group by queue, state;
