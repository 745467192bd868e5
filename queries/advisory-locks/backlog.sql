-- Counts the unfinished jobs of each queue, those in work apart, and says how long the oldest of them has been due. Who works is
-- in the lock table only, so all locks are read, and every waiting row's entry in the index.
-- operation: inspect

with held as materialized (
    select classid::bigint << 32 | objid::bigint as id
    from pg_locks
    where locktype = 'advisory'
      and objsubid = 1
      and granted
      and database = (select oid from pg_database where datname = current_database())
), unfinished as (
    select queue, run_at, id in (select held.id from held) as is_held
    from job
    where state = 'ready'
)
select queue, case when is_held then 'running' else 'ready' end as state, count(*) as jobs, min(run_at) as oldest
from unfinished
group by queue, is_held;
