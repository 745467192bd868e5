-- Makes jobs ready again that have not been touched for a while. The status is a parameter here as everywhere, and no index
-- has both it and the time.
-- operation: rescue
-- param status text = 'running'
-- param now timestamptz = '2021-01-01 00:00+00'
-- param timeout interval = '5 minutes'
-- param batch_size int = 100
-- variant nothing-lost: batch_size = 100
-- variant lost-10: fetch.batch_size = 10,
--     now = (select max(touched) + interval '1 hour' from unnest(fetched.updated_at) as touched)
-- variant lost-100: fetch.batch_size = 100,
--     now = (select max(touched) + interval '1 hour' from unnest(fetched.updated_at) as touched)

update job
set status = 'ready',
    locked_by = null
where id in (
    select id
    from job
    where status = :status
      and updated_at < :now - :timeout
    order by updated_at
    limit :batch_size
    for update
)
returning id;
