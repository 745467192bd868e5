-- A job stays in the day that it was enqueued in, also when it is tried again: a row that moved to another partition would be a
-- delete and an insert, and an error for whoever was about to lock it.
create table job (
    id bigint not null,
    day int not null,
    queue text not null,
    task_key text not null,
    state text not null check (state in ('ready', 'running', 'completed', 'failed')),
    priority smallint not null,
    run_at timestamptz not null,
    created_at timestamptz not null,
    attempts smallint not null default 0,
    max_attempts smallint not null,
    locked_by text,
    locked_at timestamptz,
    heartbeat_at timestamptz,
    finished_at timestamptz,
    payload jsonb not null,
    result jsonb,
    last_error text
) partition by list (day);

-- A sequence and not an identity column, which partitions have only since PostgreSQL 17.
create sequence job_id_seq;
alter table job alter column id set default nextval('job_id_seq');

-- The days there are: so many, the last of them today. Before first_day nothing is left to be done.
create table ring (
    days int not null,
    today int not null,
    first_day int not null
);
insert into ring (days, today, first_day) values (:partitions, :partitions, 1);

create function make_partition(number int) returns void
language plpgsql as $$
begin
    execute format('create table job_%s partition of job for values in (%s)', number, number);
end
$$;

select make_partition(number) from generate_series(1, :partitions) as number;

drop function make_partition(int);

-- Whether nobody works on a job of a day any more, and so few wait there that they can be carried over to another.
create function is_finished(given_day int, most_carried int) returns boolean
language sql as $$
    select not exists (select from job where day = given_day and state = 'running')
       and (select count(*) from (select from job where day = given_day and state = 'ready' limit most_carried + 1) as waiting)
           <= most_carried
$$;

-- Empties the oldest day and puts it in front as the new today, if nothing more is to be done there; answers which day it was,
-- or null. Jobs that still wait for a time far off or for another attempt are carried over to the day before the new one, so
-- that a few of them do not keep a whole day of finished ones.
create function turn_ring(most_carried int) returns int
language plpgsql
-- Whoever comes after this waits for as long as this waits for the table, so it had better give up soon.
set lock_timeout = '1s' as $$
declare
    place ring;
    oldest int;
    partition text;
begin
    select * into place from ring for update;
    oldest := place.today - place.days + 1;
    -- A ring of one day has no other to carry anything to.
    most_carried := case when place.days > 1 then most_carried else 0 end;
    if not is_finished(oldest, most_carried) then
        return null;
    end if;
    -- From here on nobody adds a job to a day that is about to be passed over, for they read in the ring which day it is when
    -- they have the table; and the answer of before is out of date if somebody has just done so.
    lock table job in access exclusive mode;
    if not is_finished(oldest, most_carried) then
        return null;
    end if;
    update job set day = place.today where day = oldest and state = 'ready';
    partition := format('job_%s', (oldest - 1) % place.days + 1);
    execute format('alter table job detach partition %I', partition);
    execute format('truncate %I', partition);
    execute format('alter table job attach partition %I for values in (%s)', partition, place.today + 1);
    place.first_day := greatest(place.first_day, oldest + 1);
    while place.first_day <= place.today and is_finished(place.first_day, 0) loop
        place.first_day := place.first_day + 1;
    end loop;
    update ring set today = place.today + 1, first_day = place.first_day;
    return oldest;
end
$$;
