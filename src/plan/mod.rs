//! EXPLAIN output as data.
