-- Makes jobs ready again whose worker has not been heard of for a while. It walks the running jobs from the oldest claim
-- and stops at claims younger than the timeout, so it costs what is running, never what is waiting or done.
-- operation: rescue
-- param now timestamptz = '2021-01-01 00:00+00'
-- param timeout interval = '5 minutes'
-- param batch_size int = 100
-- variant nothing-lost: batch_size = 100
-- variant lost-10: fetch.batch_size = 10,
--     now = (select max(claim) + interval '1 hour' from unnest(fetched.locked_at) as claim)
-- variant lost-100: fetch.batch_size = 100,
--     now = (select max(claim) + interval '1 hour' from unnest(fetched.locked_at) as claim)

update job
set state = 'ready',
    locked_by = null,
    locked_at = null,
    heartbeat_at = null
where id = any(array(
    select id
    from job
    where state = 'running'
      -- No heartbeat is older than the claim, so this is implied by the next line; it is here for the index.
      and locked_at < :now - :timeout
      and heartbeat_at < :now - :timeout
    order by locked_at
    limit :batch_size
    for update skip locked
))
returning id;
