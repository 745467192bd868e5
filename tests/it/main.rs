//! Integration tests on real servers that the tests start: one binary, one module a subject.
//!
//! They need a PostgreSQL server's binaries, as the program does, and fail with the program's own message where there are none.
//! Everything they make lies in one directory that goes when this process ends, however it ends (see [`place`]).

mod against;
mod bad_input;
mod both_sides;
mod built_in;
mod cleaning;
mod comparing;
mod connecting;
mod contract;
mod definitions;
mod disturbed;
mod draining;
mod findings;
mod from_database;
mod gating;
mod given_server;
mod in_place;
mod in_schema;
mod installing;
mod monitoring;
mod nested;
mod output;
mod own_queue;
mod own_server;
mod place;
mod processes;
mod program;
mod repeatable;
mod review;
mod run_folder;
mod selftest;
mod server;
mod serving;
mod signals;
mod starting;
mod statistics;
mod throughput;
mod throughput_trouble;
mod versions;
mod worker_processes;
