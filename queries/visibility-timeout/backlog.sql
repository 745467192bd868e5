-- Counts the messages of each queue that wait and that are being worked on, and says since when the oldest can be seen, or when
-- the first of those being worked on will be seen again. It reads the whole table of messages, and nothing of the archive.
-- operation: inspect
-- param now timestamptz = '2021-01-01 00:00+00'

select queue,
       -- A message due later is hidden as well; what tells it apart is that nobody has read it.
       case when visible_at > :now and locked_by is not null then 'running' else 'ready' end as state,
       count(*) as jobs,
       min(visible_at) as oldest
from message
group by 1, 2;
