-- Gives jobs back that were taken but not worked on, for example when a worker shuts down. They are unlocked, and that is all:
-- their rows were never changed.
-- operation: release
-- param ids bigint[] = fetched.id
-- variant released-1: fetch.batch_size = 1
-- variant released-10: fetch.batch_size = 10
-- variant released-100: fetch.batch_size = 100

select given.id
from unnest(:ids) as given (id)
where pg_advisory_unlock(given.id);
