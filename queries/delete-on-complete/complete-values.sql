-- Deletes ten completed jobs that are written out as rows of a VALUES list. Each number of jobs is another statement, to be
-- parsed and planned for itself, which is why arrays are the better form for batches that vary in size.
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
-- variant completed-10: fetch.batch_size = 10

delete from job
using (values (:id_1), (:id_2), (:id_3), (:id_4), (:id_5), (:id_6), (:id_7), (:id_8), (:id_9), (:id_10)) as done (id)
where job.id = done.id
  and (job.locked_by <> :worker) is false
returning job.id;
