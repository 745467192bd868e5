//! Servers: found, started, connected to; databases created, cloned and dropped.

pub mod account;
pub mod binaries;
pub mod cache_directory;
pub mod cluster;
pub mod connect;
pub mod database;
pub mod given;
pub mod lock;
pub mod managed;
pub mod permissions;
mod process;
pub mod profile;
pub mod schema;
pub mod server;
pub mod version;
pub mod workspace;
