-- Names the queues in which jobs wait, jumping in the index from the first job of one queue to the first of the next: it costs
-- what there are queues, not what there are jobs. The healthy form of queues-distinct, unless most queues have only a few jobs:
-- then reading them all is less than to descend the index for each queue.
-- operation: inspect

with recursive found as (
    (select queue from job where state = 'ready' order by queue limit 1)
    union all
    select (select job.queue from job where job.state = 'ready' and job.queue > found.queue order by job.queue limit 1)
    from found
    where found.queue is not null
)
select queue
from found
where queue is not null;
