-- Says that a worker is still busy with one job. The column it changes is indexed, so every heartbeat writes to all indexes.
-- operation: heartbeat
-- param id bigint = fetched.id[1]
-- param now timestamptz = '2021-01-01 00:01+00'
-- variant batch-1: fetch.batch_size = 1

update job
set updated_at = :now
where id = :id
returning id;
