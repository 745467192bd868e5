-- Completes one job: a fetched batch takes as many calls, round trips and commits as it has jobs.
-- operation: complete
-- param id bigint = fetched.id[1]
-- param now timestamptz = '2021-01-01 00:00+00'
-- variant completed-1: fetch.batch_size = 1
-- variant completed-10: fetch.batch_size = 10
-- variant completed-100: fetch.batch_size = 100
-- variant completed-1000: fetch.batch_size = 1000

update job
set status = 'completed',
    updated_at = :now,
    locked_by = null
where id = :id
returning id;
