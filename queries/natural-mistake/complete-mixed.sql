-- Settles three jobs of a batch, one of each outcome, with one statement a job.
-- operation: complete
-- param completed_id bigint = fetched.id[1]
-- param failed_id bigint = fetched.id[2]
-- param released_id bigint = fetched.id[3]
-- param error text = 'the task raised an error'
-- param now timestamptz = '2021-01-01 00:00+00'
-- variant mixed-10: fetch.batch_size = 10
-- variant mixed-100: fetch.batch_size = 100

-- statement: completed
update job
set status = 'completed',
    updated_at = :now,
    locked_by = null
where id = :completed_id
returning id;

-- statement: failed
update job
set status = case when attempts < max_attempts then 'ready' else 'failed' end,
    run_at = case when attempts < max_attempts then :now + interval '1 minute' else run_at end,
    updated_at = :now,
    locked_by = null,
    last_error = :error
where id = :failed_id
returning id;

-- statement: released
update job
set status = 'ready',
    updated_at = :now,
    attempts = attempts - 1,
    locked_by = null
where id = :released_id
returning id;
