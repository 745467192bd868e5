alter table job add primary key (id);

-- One index on each column a statement mentions. No two of them together give the order of service, and every one is written
-- again by every update.
create index job_queue_idx on job (queue);
create index job_task_key_idx on job (task_key);
create index job_status_idx on job (status);
create index job_priority_idx on job (priority);
create index job_run_at_idx on job (run_at);
create index job_updated_at_idx on job (updated_at);
