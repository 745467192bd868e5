//! The managed server as other processes see it: one at a time, under an account of its own, kept between runs.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;

use nix::unistd::User;

use crate::place::{Place, is_root, only_entry, wait_for};
use crate::processes::{servers_in, user_of, wait_until_stopped};
use crate::program::{
    BINARY, Ran, Running, command, command_of, comparing, finish, installation, run, take_run,
};

const BUILD: [&str; 5] = [
    "fixtures",
    "build",
    "many-queues-sparse",
    "--queue",
    "status-partial",
];

/// A run that lasts until it is ended.
const LONG: [&str; 12] = [
    "--queue",
    "status-partial",
    "--fixture",
    "many-queues-sparse",
    "--operation",
    "fetch",
    "--variant",
    "batch-1",
    "--samples",
    "10000",
    "--budget",
    "60",
];

fn cluster(place: &Place) -> PathBuf {
    only_entry(&place.cache(), |name| {
        let name = name.to_string_lossy();
        name.starts_with("postgres-") && !name.ends_with(".lock")
    })
}

fn start_long(place: &Place) -> Running {
    let running = Running::start(place, command(place, comparing(place, &LONG)));
    wait_for("the server", || {
        running.said().contains(" from /").then_some(())
    });
    running
}

#[test]
fn a_second_invocation_waits_and_is_told_for_whom() {
    let place = Place::new();
    let first = start_long(&place);
    let holder = format!(
        "waiting for pgq-analyze compare-plans (process {})",
        first.pid()
    );
    let mut second = Running::start(&place, command(&place, BUILD));
    wait_for("the second to say for whom it waits", || {
        second.said().contains(&holder).then_some(())
    });
    assert!(second.is_running());
    first.signal(rustix::process::Signal::INT);
    first.finish().expect_code(130);
    let ran = second.finish().expect_code(0);
    assert!(
        ran.stdout
            .contains("many-queues-sparse for status-partial is ready"),
        "{}",
        ran.stdout
    );
}

#[test]
fn invocations_that_start_at_once_on_a_new_cache_take_turns() {
    let place = Place::new();
    let all: Vec<Running> = (0..4)
        .map(|_| Running::start(&place, command(&place, BUILD)))
        .collect();
    let said: Vec<String> = all
        .into_iter()
        .map(|running| running.finish().expect_code(0).stderr)
        .collect();
    let count = |word: &str| said.iter().filter(|text| text.contains(word)).count();
    assert_eq!((count("creating"), count("built")), (1, 1), "{said:#?}");
}

#[test]
fn the_server_runs_under_an_account_that_is_not_root_and_stops_with_its_owner() {
    let place = Place::new();
    let running = start_long(&place);
    let servers = servers_in(&place.cache());
    assert!(!servers.is_empty());
    let users: Vec<u32> = servers.iter().filter_map(|pid| user_of(*pid)).collect();
    let own = rustix::process::geteuid().as_raw();
    for user in &users {
        assert!(*user != 0 && (is_root() || *user == own), "{users:?}");
    }
    let data = fs::metadata(cluster(&place).join("data")).expect("there is a data directory");
    assert_eq!(Some(&data.uid()), users.first());
    assert_eq!(data.mode() & 0o077, 0, "nobody else may look");
    running.signal(rustix::process::Signal::KILL);
    assert_eq!(running.finish().signal, Some(9));
    wait_until_stopped(&place.cache());
}

#[test]
fn another_account_can_be_named_by_root_alone() {
    let place = Place::new();
    let with = |user: &str| run(&place, [&BUILD[..], &["--server-user", user]].concat());
    if !is_root() {
        with("nobody")
            .expect_code(1)
            .expect_said(&["error: only root", "--server-user"]);
        return;
    }
    with("no-such-account")
        .expect_code(1)
        .expect_said(&["error: no account named no-such-account"]);
    with("root").expect_code(1).expect_said(&[
        "error: ",
        "refuses to run as root",
        "--server-user",
    ]);
    with("nobody").expect_code(0);
    let nobody = User::from_name("nobody")
        .expect("asks")
        .expect("there is one")
        .uid
        .as_raw();
    let data = fs::metadata(cluster(&place).join("data")).expect("there is a data directory");
    assert_eq!(data.uid(), nobody);
}

/// Root tries what an ordinary user meets; an ordinary user's tests do so all the time.
#[test]
fn an_ordinary_user_needs_no_other_account() {
    let place = Place::new();
    let mut command = command_of(own_copy(&place), &place, BUILD);
    if let Some(nobody) = User::from_name("nobody")
        .expect("asks")
        .filter(|_| is_root())
    {
        use std::os::unix::process::CommandExt;
        let home = place.cache();
        fs::create_dir(&home).expect("makes a folder");
        let (uid, gid) = (nobody.uid.as_raw(), nobody.gid.as_raw());
        std::os::unix::fs::chown(&home, Some(uid), Some(gid)).expect("gives it away");
        command.uid(uid).gid(gid);
    }
    finish(command)
        .expect_code(0)
        .expect_said(&["creating", "built"]);
    wait_until_stopped(&place.cache());
}

/// A copy of the program where every account can read it: a checkout may lie in a closed home.
fn own_copy(place: &Place) -> PathBuf {
    let copy = place.path().join("pgq-analyze");
    fs::copy(BINARY, &copy).expect("copies the program");
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).expect("opens it");
    copy
}

#[test]
fn a_strict_umask_does_not_keep_the_server_out_of_its_cache() {
    let place = Place::new();
    let script = r#"umask 077 && exec "$0" "$@""#;
    let words = [&["-c", script, BINARY], &BUILD[..]].concat();
    finish(command_of("sh", &place, words))
        .expect_code(0)
        .expect_said(&["built"]);
}

#[test]
fn data_survives_between_runs() {
    let place = Place::new();
    let first = run(&place, BUILD).expect_code(0);
    assert!(
        first.stderr.contains("creating a PostgreSQL")
            && first.stderr.contains("built many-queues-sparse")
    );
    wait_until_stopped(&place.cache());
    let made = fs::metadata(cluster(&place).join("data/PG_VERSION"))
        .expect("a cluster")
        .ino();
    assert_kept(&run(&place, BUILD).expect_code(0));
    let now = fs::metadata(cluster(&place).join("data/PG_VERSION"))
        .expect("a cluster")
        .ino();
    assert_eq!(made, now);
    assert!(
        !cluster(&place).join("running-since-boot").exists(),
        "it came down in good order"
    );
}

#[track_caller]
fn assert_kept(ran: &Ran) {
    for word in ["creating", "built", "removed"] {
        assert!(!ran.stderr.contains(word), "{}", ran.stderr);
    }
}

#[test]
fn a_cluster_that_went_down_with_the_machine_is_thrown_away() {
    let place = Place::new();
    run(&place, BUILD).expect_code(0);
    let mark = cluster(&place).join("running-since-boot");
    // Without fsync what an earlier boot left may be half-written.
    fs::write(&mark, "00000000-0000-0000-0000-000000000000\n").expect("writes the mark");
    run(&place, BUILD).expect_code(0).expect_said(&[
        "removed a cluster that was in use when the machine went down",
        "creating",
        "built",
    ]);
    // An unclean end within this boot loses nothing.
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").expect("reads the boot's id");
    fs::write(&mark, boot).expect("writes the mark");
    assert_kept(&run(&place, BUILD).expect_code(0));
}

#[test]
fn files_of_no_database_are_removed() {
    let place = Place::new();
    run(&place, BUILD).expect_code(0);
    let orphan = cluster(&place).join("data/base/4000000001");
    fs::create_dir(&orphan).expect("makes a folder");
    fs::write(orphan.join("16384"), "rows").expect("writes a file");
    run(&place, BUILD)
        .expect_code(0)
        .expect_said(&["removed the files of a database that were never finished"]);
    assert!(!orphan.exists());
    assert_kept(&run(&place, BUILD).expect_code(0));
}

#[test]
fn a_server_that_was_left_running_is_ended() {
    let place = Place::new();
    run(&place, BUILD).expect_code(0);
    let left = left_running(&place);
    let said = format!("removed a server an earlier run left behind (process {left})");
    run(&place, BUILD).expect_code(0).expect_said(&[&said]);
    assert!(
        !PathBuf::from(format!("/proc/{left}/cwd")).exists(),
        "process {left} is gone"
    );
    wait_until_stopped(&place.cache());
}

/// A server on the cluster that has no owner, as where the system cannot end it with its owner; gives its process id.
fn left_running(place: &Place) -> u32 {
    use std::os::unix::process::CommandExt;
    let data = cluster(place).join("data");
    let owner = fs::metadata(&data).expect("there is a data directory");
    // pg_ctl leaves the server to nobody, so that no zombie of ours takes its place.
    let mut command = std::process::Command::new(installation().bin_dir.join("pg_ctl"));
    command
        .args(["start", "--wait", "--log"])
        .arg(cluster(place).join("left.log"));
    command.arg("-D").arg(&data).current_dir("/");
    let settings = format!(
        "-c listen_addresses= -c unix_socket_directories={}",
        cluster(place).display()
    );
    command.args(["-o", &settings]);
    if is_root() {
        command.uid(owner.uid()).gid(owner.gid());
    }
    let started = finish(command);
    assert_eq!(started.code, Some(0), "{}", started.stderr);
    let pid = fs::read_to_string(data.join("postmaster.pid")).expect("there is a pid file");
    pid.lines()
        .next()
        .and_then(|line| line.parse().ok())
        .expect("a process id")
}

#[test]
fn a_run_leaves_its_folder_and_the_cache_and_nothing_else() {
    let place = Place::new();
    finish(command(&place, comparing(&place, &LONG[..8]))).expect_code(0);
    take_run(&place);
    let mut left: Vec<String> = fs::read_dir(place.path())
        .expect("reads the folder")
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    left.sort();
    assert_eq!(left, ["cache", "out"]);
    assert!(servers_in(&place.cache()).is_empty());
}
