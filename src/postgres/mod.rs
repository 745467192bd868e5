//! Servers: found, started, connected to; databases created, cloned and dropped.

pub mod account;
pub mod binaries;
pub mod cache_contents;
pub mod cache_directory;
pub mod cache_limit;
pub mod cluster;
pub mod cluster_record;
pub mod connect;
pub mod conninfo;
pub mod database;
pub mod equipment;
pub mod given;
pub mod lock;
pub mod managed;
pub mod packages;
pub mod permissions;
pub mod process;
pub mod profile;
pub mod schema;
pub mod server;
pub mod sync_file;
pub mod system_package;
pub mod table_statistics;
pub mod version;
pub mod workspace;
