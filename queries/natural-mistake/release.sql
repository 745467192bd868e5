-- Gives one job back that was claimed but not worked on.
-- operation: release
-- param id bigint = fetched.id[1]
-- param now timestamptz = '2021-01-01 00:00+00'
-- variant released-1: fetch.batch_size = 1

update job
set status = 'ready',
    updated_at = :now,
    attempts = attempts - 1,
    locked_by = null
where id = :id
returning id;
