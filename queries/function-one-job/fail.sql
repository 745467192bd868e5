-- Records by a function that one job failed: it is tried again after a delay that doubles with every attempt, until it has used
-- up its attempts and stays failed. Its group is free in the meantime.
-- operation: fail
-- param id bigint = fetched.id[1]
-- param error text = 'the task raised an error'
-- param worker text = 'worker-1'
-- param now timestamptz = '2021-01-01 00:00+00'
-- param backoff interval = '1 second'
-- variant failed-1: id = fetched.id[1]

select done.id
from fail_job(:id, :worker, :error, :now, :backoff) as done (id);
