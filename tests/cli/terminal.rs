//! The programs at a terminal: one of 0 x 0 cells, without `TERM`, as scripts make them.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::support::program::{Program, scratch, wait_until};

/// Runs `program` with a terminal for all three streams, on which `typed` has been typed before it started.
/// The exit code, and what the terminal shows.
#[track_caller]
fn at_a_terminal(program: &Program, typed: &str) -> (Option<i32>, String) {
    let controller =
        openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal can be made");
    grantpt(&controller).expect("it is ours");
    unlockpt(&controller).expect("it is ours");
    let name = ptsname(&controller, vec![]).expect("it has a name");
    let side = || -> OwnedFd {
        File::options()
            .read(true)
            .write(true)
            .open(Path::new(std::ffi::OsStr::from_bytes(name.as_bytes())))
            .expect("its other side can be opened")
            .into()
    };
    let mut controller = File::from(controller);
    let held = side();
    controller
        .write_all(typed.as_bytes())
        .expect("it can be typed on");
    let mut child = program
        .command()
        .stdin(side())
        .stdout(side())
        .stderr(side())
        .spawn()
        .expect("our own program starts");
    drop(held);
    let shown = std::thread::spawn(move || {
        let mut all = vec![];
        // The end of a terminal is an error.
        let _ = controller.read_to_end(&mut all);
        String::from_utf8_lossy(&all).replace("\r\n", "\n")
    });
    let Some(status) = wait_until(&mut child, Instant::now() + Duration::from_secs(60)) else {
        let _ = child.kill();
        let _ = child.wait();
        panic!("it does not end");
    };
    (status.code(), shown.join().expect("no panic"))
}

fn embedded(dir: &Path) -> Program {
    Program::etcdctl().arg(format!("--endpoints=embedded:{}", dir.join("d").display()))
}

#[test]
fn what_was_typed_ahead_is_read_and_prompts_come_in_order() {
    let dir = scratch();
    embedded(dir.path())
        .args(["put", "k", "old"])
        .run()
        .success();
    let (code, shown) = at_a_terminal(
        &embedded(dir.path()).args(["txn", "-i"]),
        "value(\"k\") = \"old\"\n\nput k new\nget k\n\nget k\n\n",
    );
    let answer = "compares:\nsuccess requests (get, put, del):\nfailure requests (get, put, del):\nSUCCESS\n\nOK\n\nk\nnew\n";
    assert!(shown.ends_with(answer), "{shown}");
    assert_eq!(code, Some(0));
}

#[test]
fn a_password_is_asked_for_and_read() {
    let dir = scratch();
    embedded(dir.path()).args(["put", "k", "v"]).run().success();
    let (code, shown) = at_a_terminal(
        &embedded(dir.path()).args(["--user=u", "get", "k"]),
        "secret\n",
    );
    assert!(shown.ends_with("Password: \nk\nv\n"), "{shown}");
    assert_eq!(code, Some(0));
}

#[test]
fn after_a_snapshot_its_status_is_shown_to_a_person() {
    let dir = scratch();
    let file = dir.path().join("backup.db");
    embedded(dir.path()).args(["put", "k", "v"]).run().success();
    let save = || embedded(dir.path()).args(["snapshot", "save"]).arg(&file);
    let (code, shown) = at_a_terminal(&save(), "");
    assert_eq!(code, Some(0), "{shown}");
    let table = Program::etcdctl()
        .args(["snapshot", "status", "--write-out=table"])
        .arg(&file)
        .run()
        .success()
        .out();
    assert!(shown.ends_with(&table), "{shown}");
    // One JSON answer stands alone on its line.
    let (_, shown) = at_a_terminal(&save().arg("--write-out=json"), "");
    assert_eq!(shown.lines().count(), 1, "{shown}");
    assert!(shown.starts_with("{\"path\":"), "{shown}");
}

#[test]
fn nothing_is_coloured_and_nothing_is_left_of_progress() {
    let dir = scratch();
    embedded(dir.path()).args(["put", "k", "v"]).run().success();
    for args in [
        &["defrag"][..],
        &["endpoint", "status"],
        &["get", "k", "--nope"],
        &["--help"],
    ] {
        let program = embedded(dir.path()).env("TERM", "xterm").args(args);
        let (_, shown) = at_a_terminal(&program, "");
        assert!(!shown.contains('\u{1b}'), "{shown:?}");
    }
}
