-- Plans for the rules that hold for any statement: what fires them, and what is so like it that they have to stay quiet.
-- psql runs this file (see make.sh); each \o names a case, what follows is its plan.
\set QUIET on
set client_min_messages = warning;
set max_parallel_workers_per_gather = 0;
set jit = off;

create table job (id bigint primary key, queue text not null, state text not null, priority smallint not null,
    run_at timestamptz not null, payload text not null);
insert into job select n, 'q' || n % 3, case when n % 10 = 0 then 'completed' else 'ready' end, n % 5,
    '2019-01-01'::timestamptz + n * interval '1 second', repeat('x', 60) from generate_series(1, 60000) n;
create index job_ready on job (queue, priority, run_at, id) where state = 'ready';

create table task (id bigint primary key, queue text not null, status text not null, priority smallint not null,
    run_at timestamptz not null, payload text not null);
insert into task select n, 'q' || n % 3, case when n % 10 = 0 then 'completed' else 'ready' end, n % 5,
    '2019-01-01'::timestamptz + n * interval '1 second', repeat('x', 60) from generate_series(1, 60000) n;
create index task_status on task (status);
create index task_run_at on task (run_at);

-- Steps of jobs, found by their job: with an index in `indexed_step` only.
create table step (id bigint primary key, job_id bigint not null, name text not null);
insert into step select n, n, 'step ' || n % 7 from generate_series(1, 20000) n;
create table indexed_step (id bigint primary key, job_id bigint not null, name text not null);
insert into indexed_step select id, job_id, name from step;
create index indexed_step_job_id on indexed_step (job_id);

-- One row a page, so that a bitmap of it is long.
create table thin (id bigint primary key, status text not null, payload text not null) with (fillfactor = 10);
insert into thin select n, case when n % 4 = 0 then 'completed' else 'ready' end, repeat('x', 700) from generate_series(1, 6000) n;
create index thin_status on thin (status);

-- Vacuumed, then changed.
create table seen (id bigint primary key, state text not null, payload text not null);
insert into seen select n, 's' || n % 20, repeat('x', 60) from generate_series(1, 20000) n;
create index seen_state on seen (state);

-- Kind and state say the same.
create table paired (id bigint primary key, kind text not null, state text not null);
insert into paired select n, 'k' || n % 50, 's' || n % 50 from generate_series(1, 50000) n;
create index paired_id_kind on paired (kind, id);

-- Filled after nobody analysed it: of every state there is as much as the planner thinks of one.
create table fresh (id bigint primary key, state text not null);
analyze fresh;
insert into fresh select n, 'ready' from generate_series(1, 30000) n;

-- Wide payloads that are not stored apart.
create table wide (id bigint primary key, state text not null, payload text not null);
alter table wide alter column payload set storage plain;
insert into wide select n, 'ready', repeat(md5(n::text), 60) from generate_series(1, 2000) n;

create table part (id bigint not null, day date not null, state text not null, primary key (day, id)) partition by range (day);
select format('create table part_%s partition of part for values from (%L) to (%L)', n, '2020-01-01'::date + n, '2020-01-01'::date + n + 1)
    from generate_series(0, 99) n \gexec
insert into part select n, '2020-01-01'::date + n % 100, 'ready' from generate_series(1, 2000) n;

vacuum analyze job, task, step, indexed_step, thin, seen, paired, wide, part;
update seen set payload = 'changed' where id <= 16000;

-- A claim by advisory locks has no row lock, so it may be parallel.
set max_parallel_workers_per_gather = 2;
set parallel_setup_cost = 0;
set parallel_tuple_cost = 0;
set min_parallel_table_scan_size = 0;
begin;
\o :out/claim-parallel.json
explain (analyze, buffers, format json)
with candidates as materialized (select id from task where queue = 'q1' and status = 'ready' and payload like 'x%')
select id from candidates where pg_try_advisory_xact_lock(id) limit 10;
\o
rollback;
set max_parallel_workers = 0;
\o :out/workers-missing.json
explain (analyze, buffers, format json) select count(*) from task where payload like 'y%';
\o
reset max_parallel_workers;
set max_parallel_workers_per_gather = 0;
begin;
\o :out/claim-not-parallel.json
explain (analyze, buffers, format json)
with candidates as materialized (select id from task where queue = 'q1' and status = 'ready' and payload like 'x%')
select id from candidates where pg_try_advisory_xact_lock(id) limit 10;
\o
rollback;

-- Compiled where the server was built with LLVM.
set jit = on;
set jit_above_cost = 0;
set jit_inline_above_cost = 0;
set jit_optimize_above_cost = 0;
begin;
\o :out/claim-jit.json
explain (analyze, buffers, wal, format json)
update job set state = 'running' where id = any(array(select id from job where queue = 'q1' and state = 'ready' and run_at <= now()
    order by priority, run_at, id limit 10 for update skip locked)) returning id;
\o
rollback;
\o :out/report-jit.json
explain (analyze, buffers, format json) select count(*) from task where payload like 'x%' and priority < 3;
\o
set jit = off;

set work_mem = '64kB';
set enable_mergejoin = off;
set enable_nestloop = off;
\o :out/spill-hash.json
explain (analyze, buffers, settings, format json) select count(*), max(j.payload) from job j join task t using (id) where t.payload = j.payload;
\o
reset enable_mergejoin;
reset enable_nestloop;
set enable_sort = off;
\o :out/spill-aggregate.json
explain (analyze, buffers, format json) select run_at, count(*) from job group by run_at;
\o
reset enable_sort;
\o :out/spill-kept.json
explain (analyze, buffers, format json)
with kept as materialized (select id, payload from job) select count(*) from kept where payload <> 'y';
\o
reset work_mem;
\o :out/sort-in-memory.json
explain (analyze, buffers, format json) select id from step order by name, id desc limit 5 offset 1000;
\o

-- Two conditions that say the same, so the planner multiplies what it should not.
\o :out/correlated.json
explain (analyze, buffers, format json) select count(*) from paired where kind = 'k7' and state = 's7';
\o
\o :out/correlated-limit.json
explain (analyze, buffers, format json) select id from paired where kind = 'k7' and state = 's7' order by id limit 500;
\o
begin;
\o :out/correlated-lock.json
explain (analyze, buffers, format json) select id from paired where kind = 'k7' and state = 's7' for update skip locked;
\o
rollback;
\o :out/never-analysed.json
explain (analyze, buffers, format json) select count(*) from fresh where state = 'ready';
\o
create statistics paired_kind_state (dependencies, mcv) on kind, state from paired;
analyze paired;
\o :out/correlated-known.json
explain (analyze, buffers, format json) select count(*) from paired where kind = 'k7' and state = 's7';
\o

-- One cause, two symptoms: rows that were not expected, joined one by one; rows that are sorted for a few, and do not fit.
set enable_hashjoin = off;
set enable_mergejoin = off;
set enable_material = off;
\o :out/misestimated-join.json
explain (analyze, buffers, format json) select count(*) from fresh f left join (select id % 50 as part, id from wide) w on w.part = f.id
    where f.state = 'ready' and f.id <= 400;
\o
reset enable_hashjoin;
reset enable_mergejoin;
reset enable_material;
set work_mem = '64kB';
begin;
\o :out/spilled-fetch.json
explain (analyze, buffers, wal, format json)
select id, payload from task where queue = 'q1' and run_at <= now() order by payload desc, id limit 1000 for update skip locked;
\o
rollback;
reset work_mem;

\o :out/limit-over-sort.json
explain (analyze, buffers, format json)
select id, payload from task where queue = 'q1' and status = 'ready' order by priority, id limit 10;
\o
\o :out/limit-over-index.json
explain (analyze, buffers, format json)
select id, payload from job where queue = 'q1' and state = 'ready' order by priority, run_at, id limit 10;
\o
\o :out/limit-over-aggregate.json
explain (analyze, buffers, format json)
select run_at, count(*) from task group by run_at order by count(*) desc, run_at limit 10;
\o

set enable_hashjoin = off;
set enable_mergejoin = off;
\o :out/nested-loop-index.json
explain (analyze, buffers, format json) select j.id, s.name from job j join indexed_step s on s.job_id = j.id where j.id <= 200;
\o
set enable_indexscan = off;
set enable_indexonlyscan = off;
set enable_bitmapscan = off;
\o :out/nested-loop-kept.json
explain (analyze, buffers, format json) select j.id, s.name from job j join step s on s.job_id = j.id where j.id <= 50;
\o
set enable_material = off;
\o :out/nested-loop-scan.json
explain (analyze, buffers, format json) select j.id, s.name from job j join step s on s.job_id = j.id where j.id <= 50;
\o
reset enable_material;
reset enable_indexscan;
reset enable_indexonlyscan;
reset enable_bitmapscan;
reset enable_hashjoin;
reset enable_mergejoin;

set enable_seqscan = off;
set enable_indexscan = off;
\o :out/exact-bitmap.json
explain (analyze, buffers, format json) select count(payload) from thin where status = 'completed';
\o
set work_mem = '64kB';
\o :out/lossy-bitmap.json
explain (analyze, buffers, format json) select count(payload) from thin where status = 'completed';
\o
reset work_mem;
reset enable_indexscan;
set enable_bitmapscan = off;
\o :out/heap-fetches.json
explain (analyze, buffers, format json) select count(*) from seen where state = 's7';
\o
\o :out/heap-fetches-none.json
explain (analyze, buffers, format json) select count(*) from thin where status = 'completed';
\o
reset enable_bitmapscan;
reset enable_seqscan;

begin;
\o :out/wal-wide.json
explain (analyze, buffers, wal, format json) update wide set state = 'completed' where id <= 1000;
\o
rollback;

-- A session that has not met the partitions yet reads about all of them while it plans.
\c
set client_min_messages = warning;
set max_parallel_workers_per_gather = 0;
set jit = off;
\o :out/planning-first.json
explain (analyze, buffers, format json) select day from part where id = 5;
\o
-- One partition is left by the planner, and the session knows it.
prepare of_day(date) as select id from part where day = $1 order by id limit 10;
\o /dev/null
execute of_day('2020-02-01');
\o :out/planning-again.json
explain (analyze, buffers, format json) execute of_day('2020-02-01');
\o
