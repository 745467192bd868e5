-- How rows are claimed, and what stands in front of them. psql runs this file (see make.sh); each \o names a case, what follows is its plan.
-- Where another session has to be in the way, a prepared transaction is: it keeps its locks and its place in time without one.
\set QUIET on
set client_min_messages = warning;
set max_parallel_workers_per_gather = 0;
set jit = off;
set track_io_timing = on;

create table job (id bigint primary key, queue text not null, state text not null, priority smallint not null,
    run_at timestamptz not null, payload text not null);
insert into job select n, 'q' || n % 3, 'ready', n % 5, '2019-01-01'::timestamptz + n * interval '1 second', repeat('x', 60)
    from generate_series(1, 20000) n;
create index job_ready on job (queue, priority, run_at, id) where state = 'ready';
create table setting (queue text primary key, is_paused boolean not null);
insert into setting select 'q' || n, false from generate_series(0, 2) n;
vacuum analyze job, setting;

-- Another session has locked the first thousand of a queue.
begin;
do $$ begin perform 1 from job where queue = 'q1' and state = 'ready' order by priority, run_at, id limit 1000 for update; end $$;
prepare transaction 'holder';
begin;
\o :out/locked-head.json
explain (analyze, buffers, wal, format json)
update job set state = 'running' where id = any(array(select id from job where queue = 'q1' and state = 'ready' and run_at <= now()
    order by priority, run_at, id limit 10 for update skip locked)) returning id;
\o
rollback;
rollback prepared 'holder';

-- The same by advisory locks, tried from row to row.
begin;
do $$ begin
    perform pg_advisory_xact_lock(id) from (select id from job where queue = 'q1' and state = 'ready'
        order by priority, run_at, id limit 1000) first;
end $$;
prepare transaction 'holder';
begin;
\o :out/locked-head-advisory.json
explain (analyze, buffers, wal, format json)
with waiting as materialized (select id, payload from job where queue = 'q1' and state = 'ready' and run_at <= now()
    order by priority, run_at, id limit 1010)
select id from waiting where pg_try_advisory_xact_lock(id) limit 10;
\o
rollback;
rollback prepared 'holder';

-- FOR UPDATE without OF locks the settings' row too.
begin;
\o :out/lock-joined.json
explain (analyze, buffers, wal, format json)
update job set state = 'running' where id = any(array(select j.id from job j join setting s on s.queue = j.queue
    where j.queue = 'q1' and j.state = 'ready' and not s.is_paused order by j.priority limit 10 for update skip locked)) returning id;
\o
rollback;

-- One run of the sub-select for each of several queues is meant.
begin;
\o :out/lateral-skip-locked.json
explain (analyze, buffers, wal, format json)
update job set state = 'running' where id = any(array(select next.id from unnest(array['q0', 'q1', 'q2']) as wanted (queue)
    cross join lateral (select id from job where job.queue = wanted.queue and state = 'ready' order by priority, run_at, id limit 4
        for update skip locked) as next limit 10)) returning id;
\o
rollback;

-- A transaction that began before the first jobs were done keeps their rows: the head of the index is dead.
create table backlog (id bigint primary key, queue text not null, state text not null, run_at timestamptz not null,
    payload text not null);
insert into backlog select n, 'mail', 'ready', '2019-01-01'::timestamptz + n * 7919 % 10007 * interval '1 second', repeat('x', 60)
    from generate_series(1, 10000) n;
create index backlog_ready on backlog (queue, run_at) where state = 'ready';
vacuum analyze backlog;
begin;
do $$ begin perform pg_current_xact_id(); end $$;
prepare transaction 'holder';
update backlog set state = 'completed' where run_at < '2019-01-01'::timestamptz + interval '6000 seconds';
vacuum backlog;
begin;
\o :out/dead-head.json
explain (analyze, buffers, wal, format json)
update backlog set state = 'running' where id = any(array(select id from backlog where queue = 'mail' and state = 'ready'
    and run_at <= now() order by run_at limit 10 for update skip locked)) returning id;
\o
rollback;
rollback prepared 'holder';

-- The clock that moves on is no condition of an index: it throws away what stands in front, or nothing.
create table later (id bigint primary key, priority smallint not null, run_at timestamptz not null, payload text not null);
insert into later select n, case when n <= 30000 then 0 else 1 end,
    case when n <= 30000 then '2300-01-01'::timestamptz else '2019-01-01'::timestamptz end + n * interval '1 second',
    repeat('x', 60) from generate_series(1, 31000) n;
create index later_claim on later (priority, run_at, id);
vacuum analyze later;
set enable_sort = off;
begin;
\o :out/volatile-filter.json
explain (analyze, buffers, wal, format json)
select id from later where run_at <= clock_timestamp() order by priority, run_at, id limit 10 for update skip locked;
\o
rollback;
delete from later where id > 30030;
vacuum analyze later;
begin;
\o :out/future-rows-mostly.json
explain (analyze, buffers, wal, format json)
select id from later where run_at <= '2020-01-01' order by priority, run_at, id limit 10 for update skip locked;
\o
rollback;
reset enable_sort;
begin;
\o :out/volatile-filter-passed.json
explain (analyze, buffers, wal, format json)
update job set state = 'running' where id = any(array(select id from job where queue = 'q1' and state = 'ready'
    and run_at <= clock_timestamp() order by priority, run_at, id limit 10 for update skip locked)) returning id;
\o
rollback;

-- A locking sub-select that runs again for each row.
create table few (id bigint primary key, state text not null);
insert into few select n, 'ready' from generate_series(1, 100) n;
vacuum analyze few;
begin;
\o :out/exists-skip-locked.json
explain (analyze, buffers, wal, format json)
update few set state = 'running' where state = 'ready' and exists (select from few c where c.id = few.id
    and c.state = 'ready' order by c.id limit 1 for update skip locked) returning id;
\o
rollback;
\o :out/exists-skip-locked-plain.json
explain (format json)
update few set state = 'running' where state = 'ready' and exists (select from few c where c.id = few.id
    and c.state = 'ready' order by c.id limit 1 for update skip locked) returning id;
\o
-- What a planner without statistics may make of IN.
set enable_hashjoin = off;
set enable_mergejoin = off;
set enable_hashagg = off;
set enable_sort = off;
set enable_material = off;
set enable_indexscan = off;
set enable_bitmapscan = off;
begin;
\o :out/skip-locked-rescanned.json
explain (analyze, buffers, wal, format json)
update few set state = 'running' where id in (select id from few where state = 'ready' limit 1 for update skip locked);
\o
rollback;
reset enable_hashjoin;
reset enable_mergejoin;
reset enable_hashagg;
reset enable_sort;
reset enable_material;
reset enable_indexscan;
reset enable_bitmapscan;

-- Columns that a claim cannot read from its index, and that an index-only scan can.
create table mail (id bigint primary key, queue text not null, state text not null, priority smallint not null,
    run_at timestamptz not null, attempts smallint not null, max_attempts smallint not null);
insert into mail select n, 'q' || n % 3, 'ready', n % 5, '2019-01-01'::timestamptz + n * interval '1 second', 0, 5
    from generate_series(1, 20000) n;
create index mail_ready on mail (queue, priority, run_at, id) include (attempts, max_attempts) where state = 'ready';
vacuum analyze mail;
begin;
\o :out/include-claim.json
explain (analyze, buffers, wal, format json)
update mail set state = 'running' where id = any(array(select id from mail where queue = 'q1' and state = 'ready' and run_at <= now()
    order by priority, run_at, id limit 10 for update skip locked)) returning id;
\o
\o :out/include-counted.json
explain (analyze, buffers, wal, format json)
select count(*) from mail where queue = 'q1' and state = 'ready' and attempts < max_attempts;
\o
rollback;

-- A random uuid at the end of the key, in the order alone, and as what rows are looked up by.
create table ticket (public_id uuid primary key, queue text not null, state text not null, priority smallint not null,
    run_at timestamptz not null);
insert into ticket select md5(n::text)::uuid, 'q' || n % 3, 'ready', n % 5, '2019-01-01'::timestamptz + n * interval '1 second'
    from generate_series(1, 20000) n;
create index ticket_ready on ticket (queue, priority, public_id) where state = 'ready';
vacuum analyze ticket;
begin;
\o :out/random-tail.json
explain (analyze, buffers, wal, format json)
update ticket set state = 'running' where public_id = any(array(select public_id from ticket where queue = 'q1' and state = 'ready'
    and run_at <= now() order by priority, public_id limit 10 for update skip locked)) returning public_id;
\o
rollback;
drop index ticket_ready;
begin;
\o :out/random-order.json
explain (analyze, buffers, wal, format json)
update ticket set state = 'running' where public_id = any(array(select public_id from ticket where queue = 'q1' and state = 'ready'
    and run_at <= now() order by priority, public_id limit 10 for update skip locked)) returning public_id;
\o
\o :out/random-looked-up.json
explain (analyze, buffers, wal, format json)
select * from ticket where public_id = any(array(select md5(n::text)::uuid from generate_series(1, 10) n)) limit 10 for update skip locked;
\o
rollback;

-- An update that no index stands in the way of, without and with room on the page.
create table slot (id bigint primary key, queue text not null, state text not null, priority smallint not null,
    run_at timestamptz not null, updated_at timestamptz, payload text not null) with (fillfactor = 100);
insert into slot select n, 'q' || n % 3, 'ready', n % 5, '2019-01-01'::timestamptz + n * interval '1 second', null, repeat('x', 60)
    from generate_series(1, 20000) n;
create index slot_order on slot (queue, priority, run_at, id);
vacuum analyze slot;
begin;
\o :out/no-room.json
explain (analyze, buffers, wal, format json)
update slot set state = 'running', updated_at = now() where id = any(array(select id from slot where queue = 'q1'
    and state = 'ready' and run_at <= now() order by priority, run_at, id limit 10 for update skip locked)) returning id;
\o
rollback;
alter table slot set (fillfactor = 50);
vacuum full slot;
vacuum analyze slot;
begin;
\o :out/room.json
explain (analyze, buffers, wal, format json)
update slot set state = 'running', updated_at = now() where id = any(array(select id from slot where queue = 'q1'
    and state = 'ready' and run_at <= now() order by priority, run_at, id limit 10 for update skip locked)) returning id;
\o
rollback;

-- A payload that is copied with each change of the state.
create table wide (id bigint primary key, state text not null, run_at timestamptz not null, payload text not null);
alter table wide alter payload set storage plain;
insert into wide select n, 'ready', '2019-01-01'::timestamptz + n * interval '1 second', repeat('x', 2500)
    from generate_series(1, 600) n;
create index wide_ready on wide (run_at, id) where state = 'ready';
vacuum analyze wide;
begin;
\o :out/wide-claim.json
explain (analyze, buffers, wal, format json)
update wide set state = 'running' where id = any(array(select id from wide where state = 'ready' and run_at <= now()
    order by run_at, id limit 10 for update skip locked)) returning id;
\o
rollback;

-- Workers take turns by a row that has the queue's name for its key, and move it.
create table consumer (queue text primary key, last bigint not null);
insert into consumer select 'q' || n, 0 from generate_series(1, 300) n;
vacuum analyze consumer;
begin;
\o :out/own-row-turn.json
explain (analyze, buffers, wal, format json) select queue from consumer where queue = 'q1' for update;
\o
\o :out/own-row-slice.json
explain (analyze, buffers, wal, format json)
with slice as materialized (select next.id, next.payload from consumer cross join lateral (select id, payload from job
        where job.id > consumer.last order by id limit 10) as next where consumer.queue = 'q1'),
    moved as (update consumer set last = latest.id from (select id from slice order by id desc limit 1) as latest
        where consumer.queue = 'q1')
select * from slice;
\o
rollback;
