-- Gives messages back that were read but not worked on, for example when a reader shuts down: they can be seen at once, keep
-- their place, and the attempt is not counted.
-- operation: release
-- param from_queues text[] = fetched.queue
-- param ids bigint[] = fetched.id
-- param worker text = 'worker-1'
-- param now timestamptz = '2021-01-01 00:00+00'
-- variant released-1: fetch.batch_size = 1
-- variant released-10: fetch.batch_size = 10
-- variant released-100: fetch.batch_size = 100

update message
set visible_at = :now,
    attempts = attempts - 1,
    locked_by = null
from unnest(:from_queues, :ids) as given (queue, id)
where message.queue = given.queue
  and message.id = given.id
  -- The same as message.locked_by = :worker, without its estimate: statistics taken while nothing was read promise a single row.
  and (message.locked_by <> :worker) is false
returning message.id;
