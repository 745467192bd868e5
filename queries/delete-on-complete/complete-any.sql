-- Deletes the completed jobs of one batch by comparing with the array of their ids: the other common form, which is looked up
-- in the index as one condition, without a join.
-- operation: complete
-- param ids bigint[] = fetched.id
-- param worker text = 'worker-1'
-- variant completed-1: fetch.batch_size = 1
-- variant completed-10: fetch.batch_size = 10
-- variant completed-100: fetch.batch_size = 100
-- variant completed-1000: fetch.batch_size = 1000
-- variant completed-5000: fetch.batch_size = 5000

delete from job
where id = any(:ids)
  and locked_by = :worker
returning id;
