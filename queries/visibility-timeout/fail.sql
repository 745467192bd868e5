-- Records that messages failed: each can be seen again after a delay that doubles with every attempt, until it has used up its
-- attempts and goes to the archive, where no reader meets it any more.
-- operation: fail
-- param from_queues text[] = fetched.queue
-- param ids bigint[] = fetched.id
-- param errors text[] = array_fill('the task raised an error'::text, array[cardinality(fetched.id)])
-- param worker text = 'worker-1'
-- param now timestamptz = '2021-01-01 00:00+00'
-- param backoff interval = '1 second'
-- variant failed-1: fetch.batch_size = 1
-- variant failed-10: fetch.batch_size = 10
-- variant failed-100: fetch.batch_size = 100

with retried as (
    update message
    -- The exponent is capped: sixteen doublings of a second are nine hours, and no number of attempts overflows it.
    set visible_at = :now + :backoff * power(2, least(attempts, 16) - 1),
        locked_by = null,
        last_error = given.error
    from unnest(:from_queues, :ids, :errors) as given (queue, id, error)
    where message.queue = given.queue
      and message.id = given.id
      and message.attempts < message.max_attempts
      -- The same as message.locked_by = :worker, without its estimate: statistics taken while nothing was read promise one row.
      and (message.locked_by <> :worker) is false
    returning message.id
), given_up as (
    delete from message
    using unnest(:from_queues, :ids, :errors) as given (queue, id, error)
    where message.queue = given.queue
      and message.id = given.id
      and message.attempts >= message.max_attempts
      and (message.locked_by <> :worker) is false
    returning message.*, given.error
), archived as (
    insert into archive (id, queue, task_key, outcome, created_at, archived_at, attempts, payload, last_error)
    select id, queue, task_key, 'failed', created_at, :now, attempts, payload, error
    from given_up
    returning id
)
-- Asking for both has both done inside this statement's own plan, where their cost is seen.
select id, 'ready' as state from retried
union all
select id, 'failed' as state from archived;
