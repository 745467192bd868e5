//! Definitions of the user's own, and what the program shows and writes of them.

mod extracted;
mod listed;
mod typed;
