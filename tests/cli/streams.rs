//! stdin, stdout and stderr in unusual states: closed, full, cut off, very long.

use std::fs::File;
use std::process::Stdio;

use crate::support::program::{Program, full_device, scratch};

fn embedded(dir: &std::path::Path) -> String {
    format!("--endpoints=embedded:{}", dir.join("data").display())
}

#[test]
fn a_full_disk_under_stdout_is_an_error() {
    for args in [&["version"][..], &["options"], &["--help"]] {
        Program::etcdctl()
            .args(args)
            .run_to(full_device())
            .failure(1, "Error: write /dev/stdout: no space left on device\n");
    }
    let dir = scratch();
    let endpoint = embedded(dir.path());
    Program::etcdctl()
        .args([&endpoint, "put", "k", "v"])
        .run()
        .success();
    Program::etcdctl()
        .args([&endpoint, "get", "k"])
        .run_to(full_device())
        .failure(1, "Error: write /dev/stdout: no space left on device\n");
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let (reader, writer) = std::io::pipe().expect("a pipe can be made");
    drop(reader);
    let run = Program::etcdctl().arg("options").run_to(writer);
    assert_eq!(run.err(), "");
    // As a shell reports a program ended by SIGPIPE.
    assert_eq!(run.code(), 141, "{run}");
}

#[test]
fn an_empty_stdin_is_no_value() {
    let dir = scratch();
    let endpoint = embedded(dir.path());
    Program::etcdctl()
        .args([&endpoint, "put", "k"])
        .run()
        .failure(
            128,
            "Error: put command needs 1 argument and input from stdin or 2 arguments\n",
        );
    let status = Program::etcdctl()
        .args([&endpoint, "put", "k"])
        .command()
        .stdin(File::open("/dev/null").expect("/dev/null is there"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("our own program starts");
    assert_eq!(status.code(), Some(128));
}

#[test]
fn ten_mebibytes_from_stdin_are_refused_by_the_client() {
    let dir = scratch();
    Program::etcdctl()
        .arg(embedded(dir.path()))
        .args(["put", "k"])
        .stdin(vec![b'x'; 10 << 20])
        .run()
        .failure(
            1,
            "Error: rpc error: code = ResourceExhausted desc = trying to send message larger than max (10485768 vs. 2097152)\n",
        )
        .failure(1, "hint: --max-request-bytes ");
}

#[test]
fn progress_and_colours_do_not_go_into_a_pipe() {
    let dir = scratch();
    let endpoint = embedded(dir.path());
    let backup = dir.path().join("backup.db");
    Program::etcdctl()
        .args([&endpoint, "put", "k", "v"])
        .run()
        .success();
    let save = Program::etcdctl()
        .args([&endpoint, "snapshot", "save"])
        .arg(&backup)
        .run()
        .success();
    assert_eq!(save.err(), "");
    let defrag = Program::etcdctl()
        .args([&endpoint, "defrag"])
        .run()
        .success();
    assert_eq!(defrag.err(), "");
}
