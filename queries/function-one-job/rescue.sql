-- Makes jobs ready again whose worker has not been heard of for a while, which frees their groups too. It walks the running jobs
-- from the oldest claim and stops at claims younger than the timeout: until then a worker that never reported is trusted.
-- operation: rescue
-- param now timestamptz = '2021-01-01 00:00+00'
-- param timeout interval = '5 minutes'
-- param batch_size int = 100
-- variant nothing-lost: batch_size = 100
-- variant lost-1: now = (select max(claim) + interval '1 hour' from unnest(fetched.locked_at) as claim)

update job
set state = 'ready',
    locked_by = null,
    locked_at = null
where id = any(array(
    select id
    from job
    -- Only running jobs have it.
    where locked_at < :now - :timeout
      and not exists (
          select
          from worker
          where worker.name = job.locked_by
            and worker.heartbeat_at >= :now - :timeout
      )
    order by locked_at
    limit :batch_size
    for update skip locked
))
returning id;
