-- Completes exactly ten jobs, joined to a list of rows that is written out in the statement. Such a list has a fixed number of
-- rows, so a client that uses it prepares another statement for every batch size; an array serves any.
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
-- param worker text = 'worker-1'
-- param now timestamptz = '2021-01-01 00:00+00'
-- variant completed-10: fetch.batch_size = 10

with done as (
    delete from claimed
    using (values
        (:id_1), (:id_2), (:id_3), (:id_4), (:id_5), (:id_6), (:id_7), (:id_8), (:id_9), (:id_10)
    ) as given (id)
    where claimed.job_id = given.id
      and claimed.locked_by = :worker
    returning claimed.job_id
)
update job
set finished_at = :now
where id = any(array(select job_id from done))
returning id;
