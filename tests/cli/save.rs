//! `snapshot save` and `snapshot status`: whole or not there.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::program::{Program, scratch, wait_until};
use crate::support::server::{Launch, free_ports};

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .expect("the directory is there")
        .flatten()
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn a_saved_file_is_for_its_owner_and_says_what_the_server_held() {
    let server = Launch::serve().start();
    let dir = scratch();
    let file = dir.path().join("backup.db");
    let etcdctl = || Program::etcdctl().arg(format!("--endpoints={}", server.endpoint()));
    for key in ["a", "b", "a"] {
        etcdctl().args(["put", key, "v"]).run().success();
    }
    // What stood there before, and what an earlier run left behind, are replaced, whatever their mode.
    fs::write(&file, "old").expect("a file can be written");
    fs::write(dir.path().join("backup.db.part"), "older").expect("a file can be written");
    fs::set_permissions(
        dir.path().join("backup.db.part"),
        fs::Permissions::from_mode(0o444),
    )
    .expect("the mode can be set");
    let run = etcdctl()
        .args(["snapshot", "save"])
        .arg(&file)
        .run()
        .success();
    assert_eq!(
        run.out(),
        format!(
            "Snapshot saved at {}\nServer version 3.7.0\n",
            file.display()
        )
    );
    assert_eq!(names(dir.path()), ["backup.db"]);
    let mode = fs::metadata(&file)
        .expect("the file is there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let status = Program::etcdctl()
        .args(["snapshot", "status", "--write-out=json"])
        .arg(&file)
        .run()
        .success()
        .json();
    assert_eq!(
        (&status["revision"], &status["totalKey"]),
        (&4.into(), &2.into())
    );
    let saved = etcdctl()
        .args(["snapshot", "save", "--write-out=json"])
        .arg(&file)
        .run()
        .success()
        .json();
    let size = fs::metadata(&file).expect("the file is there").len();
    assert_eq!(saved["size"], size);
}

#[test]
fn several_endpoints_are_refused_with_a_way_to_choose() {
    let run = Program::etcdctl()
        .args(["--endpoints=127.0.0.1:1,127.0.0.1:2", "snapshot", "save", "x.db"])
        .run()
        .failure(
            5,
            "Error: snapshot must be requested to one selected node, not multiple [127.0.0.1:1 127.0.0.1:2]\n",
        );
    assert!(
        run.err()
            .contains("hint: choose one: --endpoints=127.0.0.1:1"),
        "{run}"
    );
}

#[test]
fn a_client_that_can_not_be_set_up_is_a_failure_to_save() {
    let limits = ["--max-recv-bytes=1", "--max-request-bytes=50"];
    let run = |args: &[&str]| Program::etcdctl().args(limits).args(args).run();
    run(&["snapshot", "save", "x.db"]).failure(5, "Error: gRPC message recv limit (1 bytes)");
    run(&["get", "k"]).failure(2, "Error: gRPC message recv limit (1 bytes)");
}

#[test]
fn a_dead_endpoint_is_given_up_after_the_dial_timeout_and_nothing_is_left() {
    let dir = scratch();
    let [port] = free_ports();
    Program::etcdctl()
        .arg(format!("--endpoints=127.0.0.1:{port}"))
        .args(["--dial-timeout=700ms", "snapshot", "save"])
        .arg(dir.path().join("x.db"))
        .run()
        .failure(5, "Error: context deadline exceeded\n")
        .failure(5, "connection refused: nothing listens on that port\n")
        .failure(5, "hint: given up after 700ms (--dial-timeout)\n");
    assert!(names(dir.path()).is_empty());
}

#[test]
fn a_place_that_can_not_be_written_is_named_before_anything_is_asked() {
    let server = Launch::serve().start();
    let dir = scratch();
    let file = dir.path().join("no/such/x.db");
    Program::etcdctl()
        .arg(format!("--endpoints={}", server.endpoint()))
        .args(["snapshot", "save"])
        .arg(&file)
        .run()
        .failure(
            5,
            &format!(
                "Error: could not open {0}.part (open {0}.part: no such file or directory)\n",
                file.display()
            ),
        );
}

#[test]
fn a_device_or_socket_is_not_replaced_by_a_file() {
    let dir = scratch();
    let socket = dir.path().join("socket");
    let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let link = dir.path().join("link");
    std::os::unix::fs::symlink(&socket, &link).unwrap();
    for path in [&socket, &link] {
        Program::etcdctl()
            .arg("--endpoints=127.0.0.1:1")
            .args(["snapshot", "save"])
            .arg(path)
            .run()
            .failure(5, "(neither a file nor free to become one)\n");
    }
    assert_eq!(names(dir.path()), ["link", "socket"]);
    drop(listener);
}

#[test]
fn an_interrupt_leaves_nothing_and_the_old_file_as_it_was() {
    let dir = scratch();
    let file = dir.path().join("x.db");
    fs::write(&file, "old").expect("a file can be written");
    // Nobody answers there, so that the interrupt comes in the middle.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port can be bound");
    let address = listener
        .local_addr()
        .expect("a bound listener has an address");
    for signal in [Signal::INT, Signal::TERM] {
        let mut child = Program::etcdctl()
            .arg(format!("--endpoints={address}"))
            .args(["--dial-timeout=60s", "snapshot", "save"])
            .arg(&file)
            .command()
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("our own program starts");
        // The file that is being written tells that it has begun.
        let end = Instant::now() + Duration::from_secs(30);
        while names(dir.path()).len() < 2 {
            assert!(Instant::now() < end, "it did not begin");
            std::thread::sleep(Duration::from_millis(5));
        }
        let pid = Pid::from_raw(child.id().cast_signed()).expect("a child has an id");
        kill_process(pid, signal).expect("a child can be signalled");
        let status = wait_until(&mut child, end).expect("an interrupt ends it");
        assert_eq!(status.code(), Some(5), "{signal:?}");
        let mut said = String::new();
        std::io::Read::read_to_string(&mut child.stderr.take().expect("a pipe"), &mut said)
            .expect("text");
        assert!(
            said.starts_with("Error: context canceled\nhint: interrupted: nothing was written to "),
            "{said}"
        );
        assert_eq!(names(dir.path()), ["x.db"]);
        assert_eq!(fs::read_to_string(&file).expect("the old file"), "old");
    }
}
