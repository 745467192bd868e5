-- The statements behind the golden plans. psql runs this file (see make.sh); each \o names a case, what follows is its plan.
\set QUIET on
set client_min_messages = warning;
set max_parallel_workers_per_gather = 0;
set jit = off;
set track_io_timing = on;
select current_setting('server_version_num')::int >= 150000 as from_15,
       current_setting('server_version_num')::int >= 170000 as from_17 \gset

-- A healthy queue: status column, partial index in the order of the fetch.
create table job (id bigint primary key, queue text not null, state text not null, priority smallint not null,
    run_at timestamptz not null, payload text not null);
insert into job select n, 'q' || n % 3, case when n % 10 = 0 then 'completed' else 'ready' end, n % 5,
    '2019-01-01'::timestamptz + n * interval '1 second', repeat('x', 60) from generate_series(1, 60000) n;
create index job_ready on job (queue, priority, run_at, id) where state = 'ready';

-- The natural mistake: single-column indexes.
create table task (id bigint primary key, queue text not null, status text not null, priority smallint not null,
    run_at timestamptz not null, payload text not null);
insert into task select n, 'q' || n % 3, case when n % 10 = 0 then 'completed' else 'ready' end, n % 5,
    '2019-01-01'::timestamptz + n * interval '1 second', repeat('x', 60) from generate_series(1, 60000) n;
create index task_status on task (status);
create index task_run_at on task (run_at);

-- A head of the index that is dead, or not due yet.
create table later (id bigint primary key, priority smallint not null, run_at timestamptz not null, payload text not null);
insert into later select n, case when n <= 30000 then 0 else 1 end,
    case when n <= 30000 then '2300-01-01'::timestamptz else '2019-01-01'::timestamptz end + n * interval '1 second',
    repeat('x', 60) from generate_series(1, 31000) n;
create index later_claim on later (priority, run_at, id);

create table done (id bigint primary key, job_id bigint not null, note text);
create table watched (id bigint primary key, state text not null, job_id bigint references job (id));
insert into watched select n, 'ready', n from generate_series(1, 2000) n;
create function pause() returns trigger language plpgsql as 'begin perform count(*) from generate_series(1, 200); return new; end';
create trigger watched_before before update on watched for each row execute function pause();
create trigger watched_after after update on watched for each row execute function pause();

create table part (id bigint not null, day date not null, state text not null) partition by range (day);
create table part_1 partition of part for values from ('2020-01-01') to ('2020-01-02');
create table part_2 partition of part for values from ('2020-01-02') to ('2020-01-03');
create table part_3 partition of part for values from ('2020-01-03') to ('2020-01-04');
create table part_4 partition of part for values from ('2020-01-04') to ('2020-01-05');
insert into part select n, '2020-01-01'::date + n % 4, 'ready' from generate_series(1, 4000) n;
create index part_id on part (id);
vacuum analyze job, task, later, watched, part;

begin;
\o :out/fetch-array.json
explain (analyze, buffers, wal, verbose, settings, format json)
update job set state = 'running' where id = any(array(select id from job where queue = 'q1' and state = 'ready' and run_at <= now()
    order by priority, run_at, id limit 100 for update skip locked)) returning id, payload;
\o
rollback;

begin;
\o :out/fetch-array-plain.json
explain (format json)
update job set state = 'running' where id = any(array(select id from job where queue = 'q1' and state = 'ready' and run_at <= now()
    order by priority, run_at, id limit 100 for update skip locked)) returning id, payload;
\o
rollback;

-- The generic plan guesses that LIMIT $1 keeps a tenth.
prepare fetch_cte(bigint) as with next as (select id from job where queue = 'q1' and state = 'ready' and run_at <= now()
    order by priority, run_at, id limit $1 for update skip locked)
    update job set state = 'running' from next where job.id = next.id returning job.id;
begin;
set local plan_cache_mode = force_generic_plan;
\o :out/fetch-cte-generic.json
explain (analyze, buffers, wal, format json) execute fetch_cte(10);
\o
rollback;
begin;
set local plan_cache_mode = force_custom_plan;
\o :out/fetch-cte-custom.json
explain (analyze, buffers, wal, format json) execute fetch_cte(10);
\o
rollback;

-- The status as a parameter: the generic plan cannot use the partial index.
prepare fetch_status(text) as update job set state = 'running' where id = any(array(select id from job
    where queue = 'q1' and state = $1 and run_at <= now() order by priority, run_at, id limit 10 for update skip locked)) returning id;
begin;
set local plan_cache_mode = force_generic_plan;
\o :out/fetch-parameter-generic.json
explain (analyze, buffers, wal, format json) execute fetch_status('ready');
\o
rollback;
begin;
set local plan_cache_mode = force_custom_plan;
\o :out/fetch-parameter-custom.json
explain (analyze, buffers, wal, format json) execute fetch_status('ready');
\o
rollback;

-- FOR UPDATE without SKIP LOCKED and no index in the order asked for.
prepare mistake(text) as select id, payload from task where queue = 'q1' and status = $1 and run_at <= now()
    order by priority, run_at, id limit 10 for update;
begin;
set local plan_cache_mode = force_custom_plan;
\o :out/natural-mistake.json
explain (analyze, buffers, wal, format json) execute mistake('ready');
\o
rollback;

\o :out/complete-array.json
begin;
explain (analyze, buffers, wal, format json)
update job set state = 'completed' where id = any(array(select n * 7 from generate_series(1, 100) n)) and state = 'ready';
\o
rollback;

begin;
\o :out/complete-unnest.json
explain (analyze, buffers, wal, format json)
update job set state = d.state from unnest(array[1, 2, 3, 4, 5]::bigint[], array['a', 'b', 'c', 'd', 'e']) d(id, state) where job.id = d.id;
\o
rollback;

-- Future rows in front of due ones: the index condition on run_at does not bound the walk.
begin;
\o :out/future-rows.json
explain (analyze, buffers, format json)
select id from later where run_at <= '2020-01-01' order by priority, run_at, id limit 10 for update skip locked;
\o
rollback;

-- Filtered out one by one along an index.
begin;
\o :out/index-filter.json
explain (analyze, buffers, format json)
select id from job where queue = 'q1' and state = 'ready' and payload = 'y' order by priority, run_at, id limit 10;
\o
rollback;

\o :out/selective-scan.json
explain (analyze, buffers, format json) select id from task where queue = 'q1' and payload = 'y';
\o

-- Several InitPlans, of which one names another's neighbour.
begin;
\o :out/init-plans.json
explain (analyze, buffers, verbose, format json)
select id, (select max(run_at) from later) as latest from job
where id > (select min(id) + 5 from task) and id < (select min(id) + 50 from later) and priority <= (select max(priority) from later);
\o
\o :out/init-plan-unnamed.json
explain (analyze, buffers, format json)
select id from job order by id limit (select count(*) from watched);
\o
rollback;

begin;
\o :out/subplan.json
explain (analyze, buffers, format json)
select id from job j where id <= 20 and exists (select 1 from watched w where w.id = j.id + (select count(*) from part where part.id = j.id));
\o
\o :out/hashed-subplan.json
explain (analyze, buffers, format json)
select count(*) from watched where id not in (select id from part where day = '2020-01-01');
\o
rollback;

-- A data-modifying CTE that nobody reads to the end.
begin;
\o :out/modifying-cte-unread.json
explain (analyze, buffers, wal, format json)
with archived as (delete from job where state = 'completed' and id not in (select job_id from watched) returning id)
select id from watched order by id limit 3;
\o
rollback;
begin;
\o :out/modifying-cte-part-read.json
explain (analyze, buffers, wal, format json)
with changed as (update job set state = 'completed' where id between 2500 and 3500 returning id)
select id from changed limit 3;
\o
rollback;
begin;
\o :out/modifying-cte-chain.json
explain (analyze, buffers, wal, format json)
with gone as (delete from job where id between 2500 and 2600 returning id),
     kept as (insert into done select id, id, 'x' from gone returning id)
select count(*) from kept;
\o
rollback;

\o :out/cte-read-twice.json
explain (analyze, buffers, format json)
with due as materialized (select id, priority from job where run_at <= '2019-01-01 02:00')
select (select count(*) from due), count(*) from due a join due b using (id) where a.priority = 1;
\o

begin;
\o :out/insert-conflict.json
explain (analyze, buffers, wal, format json)
insert into done select n % 50, n, 'x' from generate_series(1, 100) n on conflict (id) do nothing;
\o
rollback;

begin;
\o :out/triggers.json
explain (analyze, buffers, wal, format json) update watched set state = 'done', job_id = job_id + 1 where id <= 300;
\o
rollback;

set enable_seqscan = off;
\o :out/bitmap.json
explain (analyze, buffers, format json) select count(payload) from task where status = 'completed' and run_at < '2019-01-01 04:00';
\o
reset enable_seqscan;

set work_mem = '64kB';
\o :out/sort-spill.json
explain (analyze, buffers, format json) select id from job order by payload, run_at desc limit 5 offset 20000;
\o
\o :out/bitmap-lossy.json
set enable_seqscan = off;
set enable_indexscan = off;
explain (analyze, buffers, format json) select count(payload) from task where status = 'ready' and queue = 'q1';
reset enable_seqscan;
reset enable_indexscan;
\o
reset work_mem;

\o :out/append.json
explain (analyze, buffers, format json) select count(*) from part where id < 100;
\o

set max_parallel_workers_per_gather = 2;
set parallel_setup_cost = 0;
set parallel_tuple_cost = 0;
set min_parallel_table_scan_size = 0;
\o :out/gather.json
explain (analyze, buffers, verbose, format json)
select count(*) from job where payload > (select min(note) from done) or priority < 3;
\o
\o :out/gather-merge.json
explain (analyze, buffers, format json)
select j.id from job j join task t using (id) where t.status = 'completed' order by j.run_at limit 10;
\o
set max_parallel_workers_per_gather = 0;

set jit = on;
set jit_above_cost = 0;
\o :out/jit.json
explain (analyze, buffers, format json) select count(*) from part where id % 7 = 3;
\o
set jit = off;

\o :out/timing-off.json
explain (analyze, timing off, format json) select id from job where id < 5;
\o

-- Rows chosen by a limit first and locked afterwards: in a join, over a CTE, by an array.
begin;
\o :out/lock-after-limit-in.json
explain (analyze, buffers, wal, format json)
update job set state = 'running' where id = any(array(select id from job where id in (select id from job where queue = 'q1'
    and state = 'ready' and run_at <= now() order by priority, run_at, id limit 10) for update skip locked)) returning id;
\o
\o :out/lock-after-limit-cte.json
explain (analyze, buffers, wal, format json)
with next as materialized (select id from job where queue = 'q1' and state = 'ready' and run_at <= now()
    order by priority, run_at, id limit 10),
  locked as materialized (select job.id from job join next using (id) where job.state = 'ready' for update of job skip locked)
update job set state = 'running' from locked where job.id = locked.id returning job.id;
\o
\o :out/lock-after-limit-array.json
explain (analyze, buffers, wal, format json)
select id, payload from job where id = any(array(select id from job where queue = 'q1' and state = 'ready' and run_at <= now()
    order by priority, run_at, id limit 10)) for update skip locked;
\o
rollback;

-- The limit chooses whose rows are locked, not which: nothing is wrong with it.
begin;
\o :out/lock-of-chosen-queue.json
explain (analyze, buffers, wal, format json)
select id from job where queue = (select queue from job where state = 'ready' order by run_at limit 1) and state = 'ready'
    order by priority, run_at, id limit 10 for update skip locked;
\o
rollback;

-- Rows chosen by a limit and written without a lock.
begin;
\o :out/fetch-without-lock.json
explain (analyze, buffers, wal, format json)
update job set state = 'running' where id = any(array(select id from job where queue = 'q1' and state = 'ready' and run_at <= now()
    order by priority, run_at, id limit 10)) returning id;
\o
\o :out/fetch-without-lock-in.json
explain (analyze, buffers, wal, format json)
update job set state = 'running' where id in (select id from job where queue = 'q1' and state = 'ready' and run_at <= now()
    order by priority, run_at, id limit 10) and state = 'ready' returning id;
\o
\o :out/fetch-without-lock-delete.json
explain (analyze, buffers, wal, format json)
delete from later where id = (select id from later where run_at <= '2020-01-01' order by id limit 1) returning id;
\o
rollback;

-- An OR hides the partial index; a key the other way round makes its order useless.
begin;
\o :out/fetch-or.json
explain (analyze, buffers, wal, format json)
update job set state = 'running' where id = any(array(select id from job where queue = 'q1'
    and (state = 'ready' or state = 'failed' and priority > 3) and run_at <= now() order by priority, run_at, id limit 10
    for update skip locked)) returning id;
\o
\o :out/fetch-or-queue.json
explain (analyze, buffers, wal, format json)
update job set state = 'running' where id = any(array(select id from job where (queue = 'q1' or queue = 'all')
    and state = 'ready' and run_at <= now() order by priority, run_at, id limit 10 for update skip locked)) returning id;
\o
\o :out/fetch-flipped.json
explain (analyze, buffers, wal, format json)
update job set state = 'running' where id = any(array(select id from job where queue = 'q1' and state = 'ready' and run_at <= now()
    order by priority desc, run_at, id limit 10 for update skip locked)) returning id;
\o
rollback;

\if :from_15
begin;
\o :out/merge.json
explain (analyze, buffers, wal, format json)
merge into watched w using (select n::bigint as id from generate_series(1990, 2010) n) s on w.id = s.id
when matched and w.id = 1995 then delete when matched then update set state = 'seen'
when not matched then insert values (s.id, 'new', null);
\o
rollback;
\endif
\if :from_17
\o :out/serialize.json
explain (analyze, buffers, serialize text, memory, format json) select id, payload from job where id < 50;
\o
\endif
