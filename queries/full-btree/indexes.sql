alter table job add primary key (id);

-- Equality first, then the order of service. It is not partial, so it holds every job that ever was until prune takes it out;
-- in return it finds any state, and the state may as well be a parameter.
create index job_state_idx on job (state, queue, priority, scheduled_at, id);

-- For whatever people ask of the metadata. It is the dearest to write: an entry for each key and value of every row version.
create index job_metadata_idx on job using gin (metadata) with (fastupdate = :gin_fastupdate);

-- Unique among the unfinished jobs only: when one is done, its key is free again.
create unique index job_unique_idx on job (unique_key) where unique_key is not null and state in ('ready', 'running');

-- Unfinished jobs have no time of the end and are left out.
create index job_finished_idx on job (state, finished_at) where finished_at is not null;
