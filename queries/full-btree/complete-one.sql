-- Completes one job by its id, as clients do that settle each job when it ends: a fetched batch takes as many calls, round trips
-- and commits as it has jobs.
-- operation: complete
-- param id bigint = fetched.id[1]
-- param result jsonb = '{"ok": true}'
-- param worker text = 'worker-1'
-- param now timestamptz = '2021-01-01 00:00+00'
-- variant completed-1: fetch.batch_size = 1

update job
set state = 'completed',
    finished_at = :now,
    result = :result,
    locked_by = null,
    locked_at = null
where id = :id
  and locked_by = :worker
returning id;
