//! What the program keeps on disk: how much, for how long, and how it goes.

mod size;
