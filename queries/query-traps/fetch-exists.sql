-- A trap: a sub-select that locks, and has a limit, inside EXISTS. It is run anew for every job that waits, so its limit holds
-- for each of them and for all of them together not at all: whatever is asked for, everything that waits is claimed. Healthy:
-- collect the ids once, `id = any(array(select … limit … for update skip locked))`.
-- operation: fetch
-- param queue text = 'default'
-- param worker text = 'worker-1'
-- param now timestamptz = '2021-01-01 00:00+00'
-- param batch_size int
-- variant batch-10: batch_size = 10

update job
set state = 'running',
    locked_by = :worker,
    locked_at = :now,
    heartbeat_at = :now,
    attempts = attempts + 1
where queue = :queue
  and state = 'ready'
  and exists (
      select
      from job as candidate
      where candidate.id = job.id
        and candidate.state = 'ready'
        and candidate.run_at <= :now
      order by candidate.priority, candidate.run_at, candidate.id
      limit :batch_size
      for update skip locked
  )
returning id, queue, task_key, priority, run_at, attempts, max_attempts, locked_at, payload;
