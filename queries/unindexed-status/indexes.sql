alter table job add primary key (id);
alter table failed_job add primary key (id);
create index failed_job_failed_at_idx on failed_job (failed_at);

-- Equality first, then the order of service. Without the state it has every job, running or not, and a claim leaves its entry as
-- it is; with the state as its condition a claim takes the job out of it.
create function make_job_order_idx(status_indexed boolean) returns void
language plpgsql as $$
begin
    if status_indexed then
        create index job_order_idx on job (queue, priority, run_at, id) where state = 'ready';
    else
        create index job_order_idx on job (queue, priority, run_at, id);
    end if;
end
$$;

select make_job_order_idx(:status_indexed);

drop function make_job_order_idx(boolean);
