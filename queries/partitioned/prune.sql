-- Drops the oldest day of finished jobs at once, however many they are, and makes it the new today. It has the table to itself
-- for a moment, which everybody else waits for; while somebody works on a job of that day, it does nothing.
-- operation: prune
-- param batch_size int
-- variant batch-100: batch_size = 100
-- variant batch-1000: batch_size = 1000

-- So many jobs that still wait are carried over to a younger day; if there are more, the day is left as it is.
select turn_ring(:batch_size) as emptied_day;
