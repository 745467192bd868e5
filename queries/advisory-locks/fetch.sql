-- Locks the first due jobs of one queue that nobody else has: it steps along the ready index, tries the lock of one row at a
-- time and stops at the batch. No row is written; but every row that others hold is a step on the way to the free ones.
-- operation: fetch
-- param queue text = 'default'
-- param now timestamptz = '2021-01-01 00:00+00'
-- param batch_size int
-- param task_keys text[] = null
-- param ids bigint[] = locked.id
-- variant batch-1: batch_size = 1
-- variant batch-10: batch_size = 10
-- variant batch-100: batch_size = 100
-- variant batch-1000: batch_size = 1000
-- variant batch-1-filtered: batch_size = 1, task_keys = array['task-1', 'task-2']
-- variant batch-10-filtered: batch_size = 10, task_keys = array['task-1', 'task-2']
-- variant batch-100-filtered: batch_size = 100, task_keys = array['task-1', 'task-2']
-- variant batch-1000-filtered: batch_size = 1000, task_keys = array['task-1', 'task-2']

-- statement: locked
-- One step a row: the step ends when its row was tried, so no lock is taken that is not asked for, whatever the planner does.
with recursive held as materialized (
    -- The locks of this very session: it may take them again as often as it likes, and would be given its own jobs once more.
    select classid::bigint << 32 | objid::bigint as id
    from pg_locks
    where locktype = 'advisory'
      and objsubid = 1
      and pid = pg_backend_pid()
), walk as (
    select (-32768)::smallint as priority, '-infinity'::timestamptz as run_at, 0::bigint as id, false as is_locked, 0 as locked
    union all
    select next.priority, next.run_at, next.id, next.is_locked, walk.locked + next.is_locked::int
    from walk
    cross join lateral (
        select first.priority, first.run_at, first.id,
               case when first.id in (select held.id from held) then false else pg_try_advisory_lock(first.id) end as is_locked
        from (
            select job.priority, job.run_at, job.id
            from job
            where job.queue = :queue
              and job.state = 'ready'
              and job.run_at <= :now
              and (:task_keys::text[] is null or job.task_key = any(:task_keys))
              and (job.priority, job.run_at, job.id) > (walk.priority, walk.run_at, walk.id)
            order by job.priority, job.run_at, job.id
            limit 1
        ) as first
    ) as next
    where walk.locked < :batch_size
)
select id
from walk
where is_locked;

-- statement: read
-- Of a job that another session finished after the first statement began to look, that statement still saw the old row, and
-- could lock it. This one looks again, later than every lock was taken, and lets go of what is not ready any more.
select job.id, job.queue, job.task_key, job.priority, job.run_at, job.attempts + 1 as attempts, job.max_attempts, job.payload
from unnest(:ids) with ordinality as locked (id, place)
left join job on job.id = locked.id
  -- The same as job.state = 'ready', without its index: where statistics promise few ready jobs, the planner would look for each
  -- id by reading the whole of it.
  and (job.state <> 'ready') is false
  and job.run_at <= :now
-- An unlock never answers null: it is called for the rows that the join did not find, which are left out.
where case when job.id is null then pg_advisory_unlock(locked.id) is null else true end
order by locked.place;
