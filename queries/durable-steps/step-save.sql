-- Remembers the result of a finished step, here one for each of the fetched executions. The first result saved is the one
-- that counts: a second worker that repeats the step changes nothing.
-- operation: step-save
-- param ids uuid[] = fetched.id
-- param step_keys text[] = array_fill('step-next'::text, array[cardinality(fetched.id)])
-- param results jsonb[] = array_fill('{"ok": true}'::jsonb, array[cardinality(fetched.id)])
-- variant batch-1: fetch.batch_size = 1
-- variant batch-10: fetch.batch_size = 10
-- variant batch-100: fetch.batch_size = 100

insert into step (execution_id, step_key, result)
select id, step_key, result
from unnest(:ids, :step_keys, :results) as given (id, step_key, result)
on conflict (execution_id, step_key) do nothing
returning execution_id, step_key;
