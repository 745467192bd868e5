-- Records that one job failed: it is tried again a minute later until its attempts are used up. With no delay that grows,
-- jobs that fail together come back together.
-- operation: fail
-- param id bigint = fetched.id[1]
-- param error text = 'the task raised an error'
-- param now timestamptz = '2021-01-01 00:00+00'
-- variant failed-1: fetch.batch_size = 1

update job
set status = case when attempts < max_attempts then 'ready' else 'failed' end,
    run_at = case when attempts < max_attempts then :now + interval '1 minute' else run_at end,
    updated_at = :now,
    locked_by = null,
    last_error = :error
where id = :id
returning id;
