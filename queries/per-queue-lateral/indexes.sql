alter table job add primary key (id);

-- Equality first, then the order of service: what a fetch wants of a queue is the front of that queue's stretch of the index.
-- That run_at is in the key keeps rows that are not due yet out of the table.
create index job_ready_idx on job (queue, priority, run_at, id) where state = 'ready';

-- By the last heartbeat, since every fetch asks it for stale jobs: by the time of the claim, all that has been running for long
-- would lie in front, healthy or not. The price is that a heartbeat writes to the indexes.
create index job_stale_idx on job (queue, heartbeat_at) where state = 'running';

create index job_log_completed_idx on job_log (finished_at) where outcome = 'completed';
