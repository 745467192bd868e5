//! Servers: found, started, connected to; databases created, cloned and dropped.
