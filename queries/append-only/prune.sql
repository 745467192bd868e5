-- Empties the oldest of the three tables at once, however many events are in it, and has it written from then on. While one of
-- them is unread or in work, it does nothing: a queue that nobody reads keeps the events of all.
-- operation: prune

select rotate() as emptied;
