//! Statistics, one textbook concept a file.

pub mod percentile;
