-- Locks the first due jobs of one queue in the other common form: a materialised list of the rows in front, and a limit over
-- the locks. It enters the index once, not once a row; but only the order of the two keeps it from locking more than it returns.
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
with held as materialized (
    select classid::bigint << 32 | objid::bigint as id, pid = pg_backend_pid() as is_mine
    from pg_locks
    where locktype = 'advisory'
      and objsubid = 1
), waiting as materialized (
    select id
    from job
    where queue = :queue
      and state = 'ready'
      and run_at <= :now
      and (:task_keys::text[] is null or task_key = any(:task_keys))
    order by priority, run_at, id
    -- However many of the rows in front are locked, among so many are those that are asked for. Without any limit the planner
    -- would make the list of the whole backlog, and where no index gave the order, sort it.
    limit :batch_size + (select count(*) from held)
)
select id
from waiting
-- The lock comes last, right below the limit: a condition or a sort in between would leave jobs locked that nobody is given.
where case
    -- A session may take its own locks again as often as it likes, and would be given its own jobs once more.
    when id in (select held.id from held where held.is_mine) then false
    else pg_try_advisory_lock(id)
end
limit :batch_size;

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
