-- Counts the unfinished jobs of each queue and says how long the oldest has waited or run: events not handed out yet, jobs that
-- wait for later, open events of batches. It reads what waits, and none of what is done.
-- operation: inspect

select queue, state, sum(jobs)::bigint as jobs, min(oldest) as oldest
from (
    select consumer.queue, 'ready' as state, unread.jobs, unread.oldest
    from consumer
    cross join lateral (
        select count(*) as jobs, min(event.run_at) as oldest
        from event
        where event.queue = consumer.queue
          and event.txid >= pg_snapshot_xmin(consumer.lower)
          and not pg_visible_in_snapshot(event.txid, consumer.lower)
          and (not pg_visible_in_snapshot(event.txid, consumer.upper)
               or (event.txid, event.id) > (consumer.txid, consumer.id))
    ) as unread
    union all
    select queue, 'ready', count(*), min(run_at)
    from later
    where due_at is not null
    group by queue
    union all
    select queue, 'running', sum(cardinality(ids)), min(locked_at)
    from batch
    group by queue
) as part
where jobs > 0
group by queue, state;
