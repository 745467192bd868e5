-- Deletes the messages of one batch that were dealt with, whichever queues they came from. Only who read a message last deletes
-- it: one whose time ran out and that was read again is left to its new reader.
-- operation: complete
-- param from_queues text[] = fetched.queue
-- param ids bigint[] = fetched.id
-- param worker text = 'worker-1'
-- variant completed-1: fetch.batch_size = 1
-- variant completed-10: fetch.batch_size = 10
-- variant completed-100: fetch.batch_size = 100
-- variant completed-1000: fetch.batch_size = 1000

delete from message
using unnest(:from_queues, :ids) as done (queue, id)
where message.queue = done.queue
  and message.id = done.id
  -- The same as message.locked_by = :worker, without its estimate: statistics taken while nothing was read promise a single row.
  and (message.locked_by <> :worker) is false
returning message.id;
