//! `postgres list`, `install` and `remove`, and servers that are fetched because there are none.

mod clients;
mod fetched;
mod hidden;

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

use crate::place::Place;

/// A run of a moment.
const SMALL: [&str; 8] = [
    "--queue",
    "status-partial",
    "--fixture",
    "many-queues-sparse",
    "--operation",
    "fetch",
    "--variant",
    "batch-1",
];

/// What lies in the servers' part of the place's cache, without the lock.
fn servers(place: &Place) -> Vec<OsString> {
    let entries = fs::read_dir(place.cache().join("servers"));
    let names = entries
        .into_iter()
        .flatten()
        .map(|entry| entry.expect("reads the folder").file_name());
    names.filter(|name| name != "install.lock").collect()
}

/// Where a program of this name is on this machine.
fn program(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").expect("there is a PATH");
    std::env::split_paths(&path)
        .map(|directory| directory.join(name))
        .find(|file| file.is_file())
        .unwrap_or_else(|| panic!("these tests fetch with {name}: install it"))
}
