-- Makes keys and indexes after the rows: faster than before them, and compact. The file may be left out.

alter table job add primary key (id);

-- What a fetch walks: first what it compares with =, then the order in which jobs are served. So it stops at its limit, however
-- many jobs wait. Jobs that run or failed are not in it.
create index job_ready_idx on job (queue, priority, run_at, id) where state = 'ready';

-- What rescue.sql walks. By the time of the claim, which never changes while the job runs: a heartbeat then changes no column that
-- is in an index.
create index job_running_idx on job (locked_at) where state = 'running';

create index job_failed_idx on job (finished_at) where state = 'failed';
