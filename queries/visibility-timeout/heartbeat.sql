-- Hides the messages a reader is still busy with for another lease. The time it moves is indexed, so every heartbeat writes to
-- all indexes. A message missing from its answer was read by another since.
-- operation: heartbeat
-- param from_queues text[] = fetched.queue
-- param ids bigint[] = fetched.id
-- param worker text = 'worker-1'
-- param now timestamptz = '2021-01-01 00:01+00'
-- param lease interval = '5 minutes'
-- variant batch-1: fetch.batch_size = 1
-- variant batch-10: fetch.batch_size = 10
-- variant batch-100: fetch.batch_size = 100

update message
set visible_at = :now + :lease
from unnest(:from_queues, :ids) as given (queue, id)
where message.queue = given.queue
  and message.id = given.id
  -- The same as message.locked_by = :worker, without its estimate: statistics taken while nothing was read promise a single row.
  and (message.locked_by <> :worker) is false
returning message.id;
