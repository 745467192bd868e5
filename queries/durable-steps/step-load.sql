-- Reads the results of all steps that the fetched executions finished in earlier attempts, so that none is done twice.
-- operation: step-load
-- param ids uuid[] = fetched.id
-- variant batch-1: fetch.batch_size = 1
-- variant batch-10: fetch.batch_size = 10
-- variant batch-100: fetch.batch_size = 100

select execution_id, step_key, result
from step
where execution_id = any(:ids);
