alter table execution add primary key (id);

-- Equality first, then the order of service. The id is left out: a random uuid at the end would keep equal keys from being
-- stored once, and nothing depends on the order of two executions due at the same moment.
create index execution_ready_idx on execution (queue, priority, run_at) where state = 'ready';

-- By the time of the claim, not of the last heartbeat: otherwise no heartbeat could be a heap-only update.
create index execution_running_idx on execution (locked_at) where state = 'running';

create index execution_completed_idx on execution (finished_at) where state = 'completed';

alter table step add primary key (execution_id, step_key);
