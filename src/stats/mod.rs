//! Statistics, one textbook concept a file.

pub mod change;
pub mod holm;
pub mod percentile;
pub mod powers_of_two;
pub mod rank_sum;
pub mod scalability;
pub mod shift;
pub mod splitmix;
pub mod spread;
pub mod steady_state;
