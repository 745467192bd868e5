-- The statement inside the function, by itself, for its plan to be seen.
-- operation: complete
-- param id bigint = fetched.id[1]
-- param worker text = 'worker-1'
-- param now timestamptz = '2021-01-01 00:00+00'
-- variant completed-1: id = fetched.id[1]

update job
set state = 'completed',
    finished_at = :now,
    locked_by = null,
    locked_at = null
where id = :id
  and locked_by = :worker
returning id;
