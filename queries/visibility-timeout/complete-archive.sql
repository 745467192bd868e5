-- Moves the messages of one batch to the archive instead of only deleting them: the history is kept without being in the way of a
-- fetch, at the price of writing every payload twice.
-- operation: complete
-- param from_queues text[] = fetched.queue
-- param ids bigint[] = fetched.id
-- param worker text = 'worker-1'
-- param now timestamptz = '2021-01-01 00:00+00'
-- variant completed-1: fetch.batch_size = 1
-- variant completed-10: fetch.batch_size = 10
-- variant completed-100: fetch.batch_size = 100
-- variant completed-1000: fetch.batch_size = 1000

with done as (
    delete from message
    using unnest(:from_queues, :ids) as given (queue, id)
    where message.queue = given.queue
      and message.id = given.id
      -- The same as message.locked_by = :worker, without its estimate: statistics taken while nothing was read promise one row.
      and (message.locked_by <> :worker) is false
    returning message.*
)
insert into archive (id, queue, task_key, outcome, created_at, archived_at, attempts, payload, last_error)
select id, queue, task_key, 'completed', created_at, :now, attempts, payload, last_error
from done
returning id;
