-- Completes the jobs of one batch by comparing with the array of their ids: no join, and so no result for each job of its own.
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
    locked_at = null
where id = any(:ids)
  and locked_by = :worker
returning id;
