-- Adds those jobs of a batch that are not waiting already, by looking before. What two jobs have in common is inside the payload, where
-- no index helps: the look reads all jobs there are. And two clients that look at the same time both find nothing.
-- operation: enqueue
-- param payloads jsonb[] = array['{"seq": "new-1"}'::jsonb]
-- param now timestamptz = '2021-01-01 00:00+00'
-- param max_attempts int = 5
-- variant batch-1-known: payloads = array[fetched.payload[1]], fetch.batch_size = 1
-- variant batch-100-half-known:
--     fetch.batch_size = 50,
--     payloads = (
--         select array_agg(coalesce(fetched.payload[n], jsonb_build_object('seq', 'new-' || n)) order by n)
--         from generate_series(1, 100) as n)

insert into job (queue, task_key, state, priority, run_at, created_at, max_attempts, payload)
select 'default', 'task-1', 'ready', 1, :now, :now, :max_attempts, payload
from unnest(:payloads) as given (payload)
where not exists (
    select
    from job
    where job.payload ->> 'seq' = given.payload ->> 'seq'
      and job.state in ('ready', 'running')
)
returning id;
