//! The data folders as types: queues, statements, fixtures.
