-- Gives one job back by a function that was taken but not worked on. It keeps its place and the attempt is not counted.
-- operation: release
-- param id bigint = fetched.id[1]
-- param worker text = 'worker-1'
-- variant released-1: id = fetched.id[1]

select done.id
from release_job(:id, :worker) as done (id);
