-- Deletes the archived messages that were dealt with longest ago, a bounded number at a time. Those that failed stay until
-- somebody has looked at them.
-- operation: prune
-- param now timestamptz = '2021-01-01 00:00+00'
-- param retention interval = '7 days'
-- param batch_size int
-- variant batch-100: batch_size = 100
-- variant batch-1000: batch_size = 1000

delete from archive
where id = any(array(
    select id
    from archive
    where outcome = 'completed'
      and archived_at < :now - :retention
    order by archived_at
    limit :batch_size
    for update skip locked
));
