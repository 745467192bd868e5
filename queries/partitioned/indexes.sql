-- The id comes first, and is unique by the sequence it is from: a partitioned table cannot have a key without the column that
-- it is divided by.
alter table job add primary key (id, day);

-- The day is the same in all of a partition, but the planner does not know: with it in the key it sees that the partitions one
-- after the other are in the order of service, and need not be merged.
create index job_ready_idx on job (queue, day, priority, run_at, id) where state = 'ready';

-- By the time of the claim, not of the last heartbeat: otherwise no heartbeat could be a heap-only update.
create index job_running_idx on job (locked_at) where state = 'running';

-- Nothing looks for finished jobs, so no index has them.
