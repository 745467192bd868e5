alter table job add primary key (id);

create index job_finished_idx on job (finished_at) where finished_at is not null;

alter table ready add primary key (job_id);

-- Equality first, then the order of service. The table holds nothing but what is ready, so the index needs no condition, and
-- no statement can miss one. Jobs of one priority are served as they were added.
create index ready_order_idx on ready (queue, priority, job_id);

alter table scheduled add primary key (job_id);

create index scheduled_due_idx on scheduled (queue, run_at);

alter table claimed add primary key (job_id);

-- By the time of the claim, not of the last heartbeat: otherwise no heartbeat could be a heap-only update.
create index claimed_locked_idx on claimed (locked_at);

alter table failed add primary key (job_id);
