-- Completes 100 jobs by joining a list of a hundred rows written into the statement: each length is another text, and so another plan and
-- another prepared statement.
-- operation: complete
-- param ids bigint[] = fetched.id
-- param worker text = 'worker-1'
-- param now timestamptz = '2021-01-01 00:00+00'
-- variant completed-100: fetch.batch_size = 100

update job
set state = 'completed',
    finished_at = :now,
    locked_by = null,
    locked_at = null
from (values
    ((:ids)[1]), ((:ids)[2]), ((:ids)[3]), ((:ids)[4]), ((:ids)[5]), ((:ids)[6]), ((:ids)[7]), ((:ids)[8]), ((:ids)[9]),
    ((:ids)[10]), ((:ids)[11]), ((:ids)[12]), ((:ids)[13]), ((:ids)[14]), ((:ids)[15]), ((:ids)[16]), ((:ids)[17]), ((:ids)[18]),
    ((:ids)[19]), ((:ids)[20]), ((:ids)[21]), ((:ids)[22]), ((:ids)[23]), ((:ids)[24]), ((:ids)[25]), ((:ids)[26]), ((:ids)[27]),
    ((:ids)[28]), ((:ids)[29]), ((:ids)[30]), ((:ids)[31]), ((:ids)[32]), ((:ids)[33]), ((:ids)[34]), ((:ids)[35]), ((:ids)[36]),
    ((:ids)[37]), ((:ids)[38]), ((:ids)[39]), ((:ids)[40]), ((:ids)[41]), ((:ids)[42]), ((:ids)[43]), ((:ids)[44]), ((:ids)[45]),
    ((:ids)[46]), ((:ids)[47]), ((:ids)[48]), ((:ids)[49]), ((:ids)[50]), ((:ids)[51]), ((:ids)[52]), ((:ids)[53]), ((:ids)[54]),
    ((:ids)[55]), ((:ids)[56]), ((:ids)[57]), ((:ids)[58]), ((:ids)[59]), ((:ids)[60]), ((:ids)[61]), ((:ids)[62]), ((:ids)[63]),
    ((:ids)[64]), ((:ids)[65]), ((:ids)[66]), ((:ids)[67]), ((:ids)[68]), ((:ids)[69]), ((:ids)[70]), ((:ids)[71]), ((:ids)[72]),
    ((:ids)[73]), ((:ids)[74]), ((:ids)[75]), ((:ids)[76]), ((:ids)[77]), ((:ids)[78]), ((:ids)[79]), ((:ids)[80]), ((:ids)[81]),
    ((:ids)[82]), ((:ids)[83]), ((:ids)[84]), ((:ids)[85]), ((:ids)[86]), ((:ids)[87]), ((:ids)[88]), ((:ids)[89]), ((:ids)[90]),
    ((:ids)[91]), ((:ids)[92]), ((:ids)[93]), ((:ids)[94]), ((:ids)[95]), ((:ids)[96]), ((:ids)[97]), ((:ids)[98]), ((:ids)[99]),
    ((:ids)[100])
) as done (id)
where job.id = done.id
  -- The same as job.locked_by = :worker, without its estimate: statistics taken while nothing ran promise a single row.
  and (job.locked_by <> :worker) is false
returning job.id;
