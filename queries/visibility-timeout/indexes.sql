alter table message add primary key (queue, id);

-- What can be seen, by time. It looks like the index to fetch by, and no fetch can use it while the condition calls the clock,
-- because each call may give another answer; yet every read, heartbeat and retry writes an entry to it.
create index message_visible_idx on message (queue, visible_at);

alter table archive add primary key (id);

create index archive_completed_idx on archive (archived_at) where outcome = 'completed';
