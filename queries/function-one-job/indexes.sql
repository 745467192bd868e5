alter table job add primary key (id);

-- Equality first, then the order of service: a fetch walks it from the front and stops at the first job it may take. That run_at
-- is in the key keeps rows that are not due yet out of the table.
create index job_ready_idx on job (queue, priority, run_at, id) where state = 'ready';

-- What says whether a group is free, and what makes sure of it when two workers ask at once.
create unique index job_group_idx on job (group_key) where state = 'running' and group_key is not null;

-- Not `where state = 'running'`: while nothing runs every index of running jobs looks free, and one that has them all must not
-- be there to be taken for the one of groups.
create index job_locked_idx on job (locked_at) where locked_at is not null;

create index job_completed_idx on job (finished_at) where state = 'completed';

alter table worker add primary key (name);
