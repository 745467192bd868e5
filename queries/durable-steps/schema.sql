create table execution (
    id uuid not null default gen_random_uuid(),
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
) with (fillfactor = :fillfactor);

-- A row says that a step is done; a step that was not reached has none. There is no foreign key: it would lock the execution
-- once more for each step that is saved, and prune deletes both together anyway.
create table step (
    execution_id uuid not null,
    step_key text not null,
    result jsonb not null
);
