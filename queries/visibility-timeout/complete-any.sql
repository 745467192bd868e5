-- Deletes the messages of a batch that all came from one queue, by comparing with the array of their ids. It needs no join, but a
-- reader of several queues has to call it once for each.
-- operation: complete
-- param from_queue text = fetched.queue[1]
-- param ids bigint[] = fetched.id
-- param worker text = 'worker-1'
-- variant completed-1: fetch.batch_size = 1
-- variant completed-10: fetch.batch_size = 10
-- variant completed-100: fetch.batch_size = 100
-- variant completed-1000: fetch.batch_size = 1000

delete from message
where queue = :from_queue
  and id = any(:ids)
  and locked_by = :worker
returning id;
