-- A trap: names the queues in which jobs wait by reading all that waits, however few queues there are. Healthy: queues-skip-scan.
-- operation: inspect

select distinct queue
from job
where state = 'ready';
