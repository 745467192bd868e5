-- What the golden logs are about; psql runs this file (see make.sh). Some statements fail on purpose: a log has such lines too.
\set QUIET on
set client_min_messages = error;
drop table if exists job, archive;
create table job (id bigint primary key, state text not null, payload text not null);
insert into job select n, case when n % 100 = 0 then 'ready' when n % 2 = 0 then 'failed' else 'completed' end, repeat('x', 100) from generate_series(1, 4000) n;
create index job_state on job (state);
create table archive (id bigint, payload text);
vacuum analyze job;
create or replace function sweep(up_to bigint) returns bigint language plpgsql as $$
declare swept bigint;
begin
    select count(*) into swept from job where id < up_to and state = 'completed';
    update archive set payload = '' where id < up_to;
    return swept;
end $$;

load 'auto_explain';
set auto_explain.log_min_duration = 0;
set auto_explain.log_analyze = on;
set auto_explain.log_buffers = on;
set auto_explain.log_nested_statements = on;
set auto_explain.log_format = :'format';

-- One statement, four calls: other literals, longer lists, another layout.
select id from job where id in (7);
select id from job where id in (7, 8);
select id
	from job -- the same
where id in (7, 8, 9, 10);
SELECT id FROM job WHERE id IN (1,2,3,4,5);

-- A plan that flips: custom, then generic, then custom again.
set enable_bitmapscan = off;
prepare by_state(text) as select count(payload) from job where state = $1;
set plan_cache_mode = force_custom_plan;
execute by_state('ready');
execute by_state('ready');
set plan_cache_mode = force_generic_plan;
execute by_state('ready');
execute by_state('ready');
execute by_state('ready');
set plan_cache_mode = force_custom_plan;
execute by_state('ready');
deallocate by_state;

-- Ordinary lines between the entries.
select 1 / 0;
select missing from job;
do $$ begin raise log E'a message\nof two lines'; end $$;
set log_min_duration_statement = 0;
select count(*) from archive;
reset log_min_duration_statement;

-- Statements inside a function.
select sweep(100);
select sweep(200);

-- A data-modifying CTE that runs on after the root, one that is read, and one that finds nothing.
with gone as (delete from job where id between 1001 and 1500 returning id) select 1;
with gone as (delete from job where id between 1501 and 2000 returning id) select 1;
with gone as (delete from job where id between 2001 and 2100 returning id, payload) insert into archive select * from gone;
with gone as (delete from job where id < 0 returning id) select 1;

-- A text that looks like an entry, and one with quotes of every kind.
select '
2026-01-01 00:00:00.000 UTC [1] LOG:  duration: 1.000 ms  plan:
	Query Text: select 1
	Result  (cost=0.00..0.01 rows=1 width=4)
' as "quo""ted", 'it''s', $q$a "b" \ c$q$;

-- No pages; a SubPlan; a schema and an identifier in the plan.
select 1;
select id from job where id < 20 and id not in (select id from archive where payload <> '') order by id desc limit 3;
set auto_explain.log_verbose = on;
select payload from job where id = 77 and state like E'comp%\n%';
select payload from job where id = 78 and state like E'comp%\n%';
