//! One cache directory of several users: each has clusters of their own, and what is closed to one says whose it is.
//!
//! Only root can be several users; an ordinary user's tests meet what is closed to themselves (see `bad_input::cache_directory`).

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};

use super::{BUILD, clusters};
use crate::place::{Place, is_root};
use crate::program::{BINARY, Ran, command_of, finish, run};

/// Accounts that every system has: `daemon` and `nobody`.
const USERS: [u32; 2] = [1, 65_534];

/// The program where every account can read it.
fn own_copy(place: &Place) -> PathBuf {
    let copy = place.path().join("pgq-analyze");
    fs::copy(BINARY, &copy).expect("copies the program");
    copy
}

fn as_user(place: &Place, program: &Path, user: u32, arguments: &[&str]) -> Ran {
    let mut command = command_of(program, place, arguments);
    command.uid(user).gid(user);
    finish(command)
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("sets the mode");
}

#[test]
fn each_user_has_clusters_of_their_own() {
    if !is_root() {
        return;
    }
    let place = Place::new();
    let program = own_copy(&place);
    let cache = place.cache();
    fs::create_dir(&cache).expect("makes the cache");
    set_mode(&cache, 0o1777);
    for user in USERS {
        as_user(&place, &program, user, &BUILD)
            .expect_code(0)
            .expect_said(&["creating", "built"]);
    }
    run(&place, BUILD)
        .expect_code(0)
        .expect_said(&["creating", "built"]);
    let found = clusters(&cache);
    let mut owners: Vec<u32> = Vec::new();
    for cluster in &found {
        let meta = fs::metadata(cluster).expect("is there");
        assert_eq!(meta.mode() & 0o777, 0o700);
        owners.push(meta.uid());
    }
    owners.sort_unstable();
    owners.dedup();
    assert_eq!(owners.len(), 3, "{found:?}");
    // What is there is found again by whom it belongs to, and by nobody else.
    let [one, other] = USERS;
    let ran = as_user(&place, &program, one, &BUILD).expect_code(0);
    assert!(!ran.stderr.contains("built"), "{}", ran.stderr);
    let ran = as_user(&place, &program, one, &["clean", "--yes"]).expect_code(0);
    assert!(
        ran.stdout.contains("it belongs to nobody"),
        "{}",
        ran.stdout
    );
    assert_eq!(clusters(&cache).len(), 2);
    let ran = as_user(&place, &program, other, &BUILD).expect_code(0);
    assert!(!ran.stderr.contains("built"), "{}", ran.stderr);
    run(&place, ["clean", "--yes"]).expect_code(0);
    assert!(clusters(&cache).is_empty(), "root may remove all of it");
}

#[test]
fn what_is_closed_to_a_user_says_whose_it_is() {
    if !is_root() {
        return;
    }
    let place = Place::new();
    let program = own_copy(&place);
    let user = USERS[1];
    run(&place, BUILD).expect_code(0);
    let refused = |what: &str| {
        as_user(&place, &program, user, &BUILD)
            .expect_code(1)
            .expect_said(&[
                "error: cannot use cache directory ",
                what,
                "it belongs to root, and this user may not write there",
                "choose another with --cache-dir",
            ]);
    };
    refused("");
    set_mode(&place.cache(), 0o1777);
    let stamp = place.cache().join("pgq-analyze-cache.json");
    set_mode(&stamp, 0o600);
    refused("pgq-analyze-cache.json: ");
    set_mode(&stamp, 0o644);
    as_user(&place, &program, user, &BUILD).expect_code(0);
    let mut mine = clusters(&place.cache());
    mine.retain(|cluster| fs::metadata(cluster).is_ok_and(|meta| meta.uid() == user));
    let lock = mine[0].with_extension("lock");
    chown(&lock, Some(0), Some(0)).expect("takes it away");
    refused(".lock: ");
    // It may still be read, listed, and waited for.
    let listed = as_user(&place, &program, user, &["fixtures", "list"]).expect_code(0);
    assert!(listed.stdout.contains("built, in "), "{}", listed.stdout);
    fs::remove_file(&lock).expect("removes it");
    as_user(&place, &program, user, &BUILD).expect_code(0);
    let held = fs::File::open(mine[0].with_extension("lock")).expect("there is a lock");
    held.lock().expect("locks");
    let ran = as_user(&place, &program, user, &["clean", "--yes"]).expect_code(0);
    assert!(ran.stdout.contains("in use by "), "{}", ran.stdout);
    drop(held);
    run(&place, BUILD).expect_code(0);
}
