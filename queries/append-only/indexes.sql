-- The order in which a queue is read: by transaction, and within one by number. It is the only index an event is entered into.
create index event_idx on event (queue, txid, id);

alter table consumer add primary key (queue);
alter table batch add primary key (id);
alter table later add primary key (id);

-- By the time it was handed out, not of the last heartbeat: otherwise no heartbeat could be a heap-only update.
create index batch_locked_at_idx on batch (locked_at);

create index later_due_idx on later (queue, due_at) where due_at is not null;
