//! Bad input: each gets a clear error and its exit code, and nothing is left behind.

mod building;
mod cache_directory;
mod definition;
mod full_disk;
mod name;
mod server_binaries;
