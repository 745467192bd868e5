-- Completes ten jobs from a list of literal rows, as clients do that write one row a job into the statement. Each number of
-- rows is another text, and so another plan and another prepared statement.
-- operation: complete
-- param id_1 bigint = fetched.id[1]
-- param id_2 bigint = fetched.id[2]
-- param id_3 bigint = fetched.id[3]
-- param id_4 bigint = fetched.id[4]
-- param id_5 bigint = fetched.id[5]
-- param id_6 bigint = fetched.id[6]
-- param id_7 bigint = fetched.id[7]
-- param id_8 bigint = fetched.id[8]
-- param id_9 bigint = fetched.id[9]
-- param id_10 bigint = fetched.id[10]
-- param now timestamptz = '2021-01-01 00:00+00'
-- variant completed-10: fetch.batch_size = 10

with mine as materialized (
    select done.id
    from (values (:id_1), (:id_2), (:id_3), (:id_4), (:id_5), (:id_6), (:id_7), (:id_8), (:id_9), (:id_10)) as done (id)
    -- True only for a lock that this session has; the transaction takes it over first and keeps it until it has committed.
    where case when pg_try_advisory_xact_lock(done.id) then pg_advisory_unlock(done.id) else false end
)
update job
set state = 'completed',
    finished_at = :now
from mine
where job.id = mine.id
returning job.id;
