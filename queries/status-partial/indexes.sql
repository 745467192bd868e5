alter table job add primary key (id);

-- Equality first, then the order of service: a fetch walks it from the front and stops at its limit. That run_at is in the
-- key keeps rows that are not due yet out of the table.
create index job_ready_idx on job (queue, priority, run_at, id) where state = 'ready';

-- By the time of the claim, not of the last heartbeat: otherwise no heartbeat could be a heap-only update.
create index job_running_idx on job (locked_at) where state = 'running';

create index job_completed_idx on job (finished_at) where state = 'completed';
