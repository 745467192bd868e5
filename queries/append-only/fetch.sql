-- Hands the next events of a queue to a worker as a batch: takes its turn at the queue's cursor, appends what has come due, cuts
-- a new stretch off where the last one is read, and reads on. Neither events that were read nor those to come are touched.
-- operation: fetch
-- param queue text = 'default'
-- param worker text = 'worker-1'
-- param now timestamptz = '2021-01-01 00:00+00'
-- param batch_size int
-- variant batch-1: batch_size = 1
-- variant batch-10: batch_size = 10
-- variant batch-100: batch_size = 100
-- variant batch-1000: batch_size = 1000

-- statement: turn
-- One reader at a time: others wait here, and see what this one has done when they go on, for each statement looks anew.
select queue
from consumer
where queue = :queue
for update;

-- statement: append
with due as (
    delete from later
    where id = any(array(
        select id
        from later
        where queue = :queue
          and due_at <= :now
        order by due_at
        limit :batch_size
        for update skip locked
    ))
    returning id, queue, task_key, priority, run_at, created_at, attempts, max_attempts, payload
)
insert into event (turn, id, queue, task_key, priority, run_at, created_at, attempts, max_attempts, payload)
select (select turn from rotation), id, queue, task_key, priority, run_at, created_at, attempts, max_attempts, payload
from due;

-- statement: cut
update consumer
set lower = upper,
    upper = seen.present,
    -- In front of everything that the new stretch can hold.
    txid = pg_snapshot_xmin(upper),
    id = 0
from (select present() offset 0) as seen (present)
where consumer.queue = :queue
  -- The stretch at hand is read to its end. The first event of the rest is asked for and not whether there is any: exists would
  -- drop the order, and with it the reason to use the index.
  and (
      select event.id
      from event
      where event.queue = consumer.queue
        and (event.txid, event.id) > (consumer.txid, consumer.id)
        and event.txid < pg_snapshot_xmax(consumer.upper)
        and pg_visible_in_snapshot(event.txid, consumer.upper)
        and not pg_visible_in_snapshot(event.txid, consumer.lower)
      order by event.txid, event.id
      limit 1
  ) is null
  -- And there is something behind it: a queue that is polled in vain has its row locked, but not written anew.
  and (
      select event.id
      from event
      where event.queue = consumer.queue
        and event.txid >= pg_snapshot_xmin(consumer.upper)
        and not pg_visible_in_snapshot(event.txid, consumer.upper)
      order by event.txid, event.id
      limit 1
  ) is not null;

-- statement: slice
with slice as materialized (
    select next.*
    from consumer
    cross join lateral (
        select event.*
        from event
        where event.queue = :queue
          and (event.txid, event.id) > (consumer.txid, consumer.id)
          and event.txid < pg_snapshot_xmax(consumer.upper)
          and pg_visible_in_snapshot(event.txid, consumer.upper)
          and not pg_visible_in_snapshot(event.txid, consumer.lower)
        order by event.txid, event.id
        limit :batch_size
    ) as next
    where consumer.queue = :queue
), moved as (
    update consumer
    set txid = last.txid,
        id = last.id
    from (select txid, id from slice order by txid desc, id desc limit 1) as last
    where consumer.queue = :queue
), opened as (
    insert into batch (queue, txids, ids, locked_by, locked_at, heartbeat_at)
    select :queue, array_agg(txid order by txid, id), array_agg(id order by txid, id), :worker, :now, :now
    from slice
    having count(*) > 0
    returning id, locked_at
)
select opened.id as batch_id, slice.id, slice.queue, slice.task_key, slice.priority, slice.run_at,
       slice.attempts + 1 as attempts, slice.max_attempts, opened.locked_at, slice.payload
from opened
cross join slice;
