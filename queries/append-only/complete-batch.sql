-- Completes whole batches by their ids, one row each, without a word of their jobs: what the design is made for, where a worker
-- does a batch to its end before it says anything.
-- operation: complete
-- param batch_ids bigint[] = fetched.batch_id
-- param worker text = 'worker-1'
-- variant completed-1: fetch.batch_size = 1
-- variant completed-10: fetch.batch_size = 10
-- variant completed-100: fetch.batch_size = 100
-- variant completed-1000: fetch.batch_size = 1000
-- variant completed-5000: fetch.batch_size = 5000

delete from batch
where id = any(:batch_ids)
  and locked_by = :worker
returning id as batch_id;
