alter table job add primary key (id);

-- The order of service over what can be taken, and nothing else: it is one pool, and a fetch takes from all queues at once. No
-- index tells the queues apart.
create index job_available_idx on job (priority, run_at) where is_available;
