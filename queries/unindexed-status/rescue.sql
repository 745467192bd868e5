-- Makes jobs ready again that were claimed so long ago that their worker must be gone. No index has the claims, so that no claim
-- has to write to it; the price is that this reads the whole table, so it is for once every few minutes.
-- operation: rescue
-- param now timestamptz = '2021-01-01 00:00+00'
-- param timeout interval = '4 hours'
-- param batch_size int = 100
-- variant nothing-lost: batch_size = 100
-- variant lost-10: fetch.batch_size = 10,
--     now = (select max(claim) + interval '1 day' from unnest(fetched.locked_at) as claim)
-- variant lost-100: fetch.batch_size = 100,
--     now = (select max(claim) + interval '1 day' from unnest(fetched.locked_at) as claim)

update job
set state = 'ready',
    locked_by = null,
    locked_at = null
where id = any(array(
    select id
    from job
    where state = 'running'
      and locked_at < :now - :timeout
    limit :batch_size
    for update skip locked
))
returning id;
