-- Three transactions of long ago: the first appended what is done by now, and all of that is in the table to be emptied next;
-- the second what is in work, the third what is still to be read.
insert into event (turn, txid, queue, task_key, priority, run_at, created_at, attempts, max_attempts, payload)
select case when state = 'completed' then 1 else 0 end,
       case state when 'ready' then '5'::xid8 when 'running' then '4'::xid8 else '3'::xid8 end,
       queue, task_key, priority, run_at, created_at,
       -- As it was when it was appended.
       case when state = 'ready' then attempts else attempts - 1 end,
       max_attempts, payload
from pgqa_job
where state in ('completed', 'running')
   or state = 'ready' and run_at < '2021-01-01 00:00+00';

-- Those that were not due yet when they were enqueued, and those that failed for good.
insert into later (queue, task_key, priority, run_at, created_at, attempts, max_attempts, due_at, payload, last_error)
select queue, task_key, priority, run_at, created_at, attempts, max_attempts,
       case when state = 'ready' then run_at end,
       payload,
       case when state = 'failed' then 'the task raised an error' end
from pgqa_job
where state = 'failed'
   or state = 'ready' and run_at >= '2021-01-01 00:00+00';

insert into consumer (queue, lower, upper, txid, id)
select queue, '5:5:', '6:6:', '5', 0
from (select distinct queue from pgqa_job) as known;

-- What is in work was handed out a hundred jobs at a time.
insert into batch (queue, txids, ids, locked_by, locked_at, heartbeat_at)
select queue, array_agg(txid order by id), array_agg(id order by id), 'worker-gone', min(run_at), min(run_at)
from (
    select queue, txid, id, run_at, (row_number() over (partition by queue order by id) - 1) / 100 as number
    from event
    where txid = '4'
) as running
group by queue, number
order by queue, number;
