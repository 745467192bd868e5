-- A trap: a join to the settings of the queue, and FOR UPDATE without OF locks their row too. While one worker fetches, every
-- other finds it locked, passes over job after job for it, locks them all on the way, and gets none. Healthy: `for update of job
-- skip locked`.
-- operation: fetch
-- param queue text = 'default'
-- param worker text = 'worker-1'
-- param now timestamptz = '2021-01-01 00:00+00'
-- param batch_size int
-- variant batch-1: batch_size = 1
-- variant batch-10: batch_size = 10
-- variant batch-100: batch_size = 100
-- variant batch-1000: batch_size = 1000

update job
set state = 'running',
    locked_by = :worker,
    locked_at = :now,
    heartbeat_at = :now,
    attempts = attempts + 1
where id = any(array(
    select job.id
    from job
    join queue_settings on queue_settings.queue = job.queue
    where job.queue = :queue
      and job.state = 'ready'
      and job.run_at <= :now
      and not queue_settings.is_paused
    order by job.priority, job.run_at, job.id
    limit :batch_size
    for update skip locked
))
returning id, queue, task_key, priority, run_at, attempts, max_attempts, locked_at, payload;
