alter table job add primary key (id);
alter table queue_settings add primary key (queue);

-- Equality first, then the order of service: a fetch walks it from the front and stops at its limit. The columns behind INCLUDE
-- are a trap: they are to spare a fetch the table, but whoever locks a row has to go there, so no fetch is an index-only scan.
-- All they do is to make the index larger and every write to it longer.
create index job_ready_idx on job (queue, priority, run_at, id) include (task_key, attempts, max_attempts) where state = 'ready';

-- By the time of the claim, not of the last heartbeat: otherwise no heartbeat could be a heap-only update.
create index job_running_idx on job (locked_at) where state = 'running';

create index job_completed_idx on job (finished_at) where state = 'completed';
