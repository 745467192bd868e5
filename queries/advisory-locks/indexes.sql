alter table job add primary key (id);

-- Equality first, then the order of service. A fetch enters it once for every row it tries, behind the row it tried last.
create index job_ready_idx on job (queue, priority, run_at, id) where state = 'ready';

create index job_completed_idx on job (finished_at) where state = 'completed';
