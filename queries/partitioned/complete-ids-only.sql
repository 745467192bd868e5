-- Completes the jobs of one batch by their ids alone. Nothing says which day they are of, so every id is looked for in every
-- partition: what it costs to forget the column that a table is divided by.
-- operation: complete
-- param ids bigint[] = fetched.id
-- param worker text = 'worker-1'
-- param now timestamptz = '2021-01-01 00:00+00'
-- variant completed-1: fetch.batch_size = 1
-- variant completed-10: fetch.batch_size = 10
-- variant completed-100: fetch.batch_size = 100
-- variant completed-1000: fetch.batch_size = 1000
-- variant completed-5000: fetch.batch_size = 5000

update job
set state = 'completed',
    finished_at = :now,
    locked_by = null,
    locked_at = null,
    heartbeat_at = null
where id = any(:ids)
  and locked_by = :worker
returning id;
