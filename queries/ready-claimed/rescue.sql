-- Makes jobs ready again whose worker has not been heard of for a while. It walks the claims from the oldest and stops at those
-- younger than the timeout, so it costs what is running, never what is waiting or done.
-- operation: rescue
-- param now timestamptz = '2021-01-01 00:00+00'
-- param timeout interval = '5 minutes'
-- param batch_size int = 100
-- variant nothing-lost: batch_size = 100
-- variant lost-10: fetch.batch_size = 10,
--     now = (select max(claim) + interval '1 hour' from unnest(fetched.locked_at) as claim)
-- variant lost-100: fetch.batch_size = 100,
--     now = (select max(claim) + interval '1 hour' from unnest(fetched.locked_at) as claim)

with lost as (
    delete from claimed
    where job_id = any(array(
        select job_id
        from claimed
        -- No heartbeat is older than the claim, so this is implied by the next line; it is here for the index.
        where locked_at < :now - :timeout
          and heartbeat_at < :now - :timeout
        order by locked_at
        limit :batch_size
        for update skip locked
    ))
    returning job_id, attempts
)
insert into ready (job_id, queue, task_key, priority, run_at, attempts)
select job.id, job.queue, job.task_key, job.priority, job.run_at, lost.attempts
from lost
join job on job.id = lost.job_id
returning job_id as id;
