-- Says that a worker is alive, whatever it holds: one row a worker, so jobs are not written while they run.
-- operation: heartbeat
-- param worker text = 'worker-1'
-- param now timestamptz = '2021-01-01 00:01+00'

insert into worker (name, heartbeat_at)
values (:worker, :now)
on conflict (name) do update
set heartbeat_at = excluded.heartbeat_at
returning name;
