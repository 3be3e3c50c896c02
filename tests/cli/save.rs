//! `snapshot save`: the file is complete or does not exist, whatever happens in the meantime.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::gate::Gate;
use crate::support::program::{Program, scratch, wait_until};
use crate::support::server::{Launch, Server, free_ports};
use crate::support::small_disk::SmallDisk;

pub(super) fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .expect("the directory is there")
        .flatten()
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn a_saved_file_is_private_and_contains_the_data_of_the_server() {
    let server = Launch::serve().start();
    let dir = scratch();
    let file = dir.path().join("backup.db");
    let etcdctl = || Program::etcdctl().arg(format!("--endpoints={}", server.endpoint()));
    for key in ["a", "b", "a"] {
        etcdctl().args(["put", key, "v"]).run().success();
    }
    // An existing file is replaced, and leftovers of an earlier run are removed, whatever their modes.
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
        .failure(5, "hint: gave up after 700ms (--dial-timeout)\n");
    assert!(names(dir.path()).is_empty());
}

#[test]
fn an_unwritable_destination_is_reported_before_any_request() {
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
            .failure(5, "(neither a regular file nor an unused name)\n");
    }
    assert_eq!(names(dir.path()), ["link", "socket"]);
    drop(listener);
}

/// A server with a few MB of data, so that a download can be stopped in the middle.
pub(super) fn filled_server() -> Server {
    let server = Launch::serve().start();
    for i in 0..5 {
        Program::etcdctl()
            .arg(format!("--endpoints={}", server.endpoint()))
            .args(["put", &format!("key{i}")])
            .stdin(vec![b'a' + i; 1 << 20])
            .run()
            .success();
    }
    server
}

/// Number of bytes of a download that a gate passes: some, but far from all.
pub(super) const HELD_AT: u64 = 2 << 20;

/// A `snapshot save` that has started to write and cannot continue.
struct Held {
    child: Child,
    gate: Gate,
}

impl Held {
    fn start(server: &str, file: &Path) -> Held {
        let gate = Gate::before(server, HELD_AT);
        let before = part_files(file);
        let child = Program::etcdctl()
            .arg(format!("--endpoints={}", gate.endpoint()))
            .args(["snapshot", "save"])
            .arg(file)
            .command()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("our own program starts");
        wait_for_bytes(file, &before);
        Held { child, gate }
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().cast_signed()).expect("a child has an id");
        kill_process(pid, signal).expect("a child can be signalled");
    }

    /// Waits until it ends. Returns the status, stdout and stderr.
    fn end(mut self) -> (ExitStatus, String, String) {
        let status = wait_until(&mut self.child, Instant::now() + LIMIT).expect("it ends");
        let output = self.child.wait_with_output().expect("it has ended");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        (status, text(output.stdout), text(output.stderr))
    }

    fn finish(self, file: &Path) {
        self.gate.open();
        let (status, out, err) = self.end();
        assert!(status.success(), "{status} {err}");
        assert!(
            out.starts_with(&format!("Snapshot saved at {}\n", file.display())),
            "{out}"
        );
    }
}

const LIMIT: Duration = Duration::from_secs(60);

/// Waits until an unfinished file next to `file`, other than those in `before`, has bytes: the save is in the middle.
pub(super) fn wait_for_bytes(file: &Path, before: &[PathBuf]) {
    let end = Instant::now() + LIMIT;
    let begun =
        |part: &PathBuf| !before.contains(part) && fs::metadata(part).is_ok_and(|m| m.len() > 0);
    while !part_files(file).iter().any(begun) {
        assert!(Instant::now() < end, "it did not begin");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The unfinished files next to `file`.
fn part_files(file: &Path) -> Vec<PathBuf> {
    let dir = file.parent().expect("a file in a directory");
    let all = names(dir).into_iter().filter(|n| n.ends_with(".part"));
    all.map(|n| dir.join(n)).collect()
}

/// Asserts that the file is a complete snapshot of `filled_server`.
#[track_caller]
fn assert_whole(file: &Path) {
    let status = Program::etcdctl()
        .args(["snapshot", "status", "--write-out=json"])
        .arg(file)
        .run()
        .success()
        .json();
    assert_eq!(
        (&status["revision"], &status["totalKey"]),
        (&6.into(), &5.into())
    );
}

#[test]
fn overlapping_saves_to_one_name_are_all_whole() {
    let server = filled_server();
    let save = |file: &Path| {
        let run = Program::etcdctl()
            .arg(format!("--endpoints={}", server.endpoint()))
            .args(["snapshot", "save"])
            .arg(file)
            .run()
            .success();
        assert!(run.out().starts_with("Snapshot saved at "), "{run}");
    };
    let dir = scratch();
    let file = dir.path().join("s.db");
    fs::write(&file, "an older backup").expect("a file can be written");
    let first = Held::start(server.endpoint(), &file);
    let second = Held::start(server.endpoint(), &file);
    // A third one from beginning to end while two are in the middle.
    save(&file);
    assert_whole(&file);
    assert_eq!(
        part_files(&file).len(),
        2,
        "the others' files are left alone"
    );
    // One is stopped while the other one finishes, and then continues.
    first.signal(Signal::STOP);
    second.finish(&file);
    assert_whole(&file);
    first.signal(Signal::CONT);
    first.finish(&file);
    assert_whole(&file);
    assert_eq!(names(dir.path()), ["s.db"]);
}

#[test]
fn the_next_save_removes_the_leftovers_of_a_killed_one() {
    let server = filled_server();
    let dir = scratch();
    let file = dir.path().join("s.db");
    let killed = Held::start(server.endpoint(), &file);
    let living = Held::start(server.endpoint(), &file);
    killed.signal(Signal::KILL);
    killed.end();
    assert_eq!(part_files(&file).len(), 2);
    let third = Held::start(server.endpoint(), &dir.path().join("s.db"));
    assert_eq!(
        part_files(&file).len(),
        2,
        "the living one's and the third one's"
    );
    living.finish(&file);
    third.finish(&file);
    assert_whole(&file);
    assert_eq!(names(dir.path()), ["s.db"]);
}

#[test]
fn a_signal_leaves_nothing_and_the_old_file_as_it_was_and_ends_the_process() {
    let server = filled_server();
    let dir = scratch();
    let file = dir.path().join("x.db");
    for signal in [Signal::INT, Signal::TERM, Signal::HUP, Signal::QUIT] {
        fs::write(&file, "old").expect("a file can be written");
        let held = Held::start(server.endpoint(), &file);
        held.signal(signal);
        let (status, out, err) = held.end();
        // As a shell sees a program that does not handle it, so that loops stop.
        assert_eq!(status.signal(), Some(signal.as_raw()), "{signal:?}");
        assert_eq!(out, "");
        let said = "Error: context canceled\nhint: interrupted: nothing was written to ";
        assert_eq!(err, format!("{said}{}\n", file.display()));
        assert_eq!(names(dir.path()), ["x.db"]);
        assert_eq!(fs::read_to_string(&file).expect("the old file"), "old");
    }
}

#[test]
fn a_loop_in_a_shell_stops_at_an_interrupt() {
    let server = filled_server();
    let gate = Gate::before(server.endpoint(), HELD_AT);
    let dir = scratch();
    let file = dir.path().join("x.db");
    // The terminal signals the whole group: here the shell and the program, in a separate group.
    let mut shell = Program::new("/bin/bash")
        .args([
            "-c",
            "set -m; (for i in 1 2 3; do echo $i >>rounds; \"$@\"; done) & echo $! >group; wait",
        ])
        .arg("bash")
        .arg(env!("CARGO_BIN_EXE_etcdctl"))
        .arg(format!("--endpoints={}", gate.endpoint()))
        .args(["snapshot", "save", "x.db"])
        .current_dir(dir.path())
        .command()
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("bash starts");
    let end = Instant::now() + LIMIT;
    while part_files(&file).is_empty() || !dir.path().join("group").exists() {
        assert!(Instant::now() < end, "it did not begin");
        std::thread::sleep(Duration::from_millis(5));
    }
    let group = fs::read_to_string(dir.path().join("group")).expect("written");
    let group = Pid::from_raw(group.trim().parse().expect("a number")).expect("an id");
    rustix::process::kill_process_group(group, Signal::INT).expect("it is there");
    wait_until(&mut shell, end).expect("the loop stops");
    let rounds = fs::read_to_string(dir.path().join("rounds")).expect("written");
    assert_eq!(rounds, "1\n");
    assert_eq!(names(dir.path()), ["group", "rounds"]);
}

#[test]
fn nohup_keeps_a_save_from_being_hung_up() {
    let server = filled_server();
    let gate = Gate::before(server.endpoint(), HELD_AT);
    let dir = scratch();
    let file = dir.path().join("x.db");
    let mut child = Program::new("/bin/sh")
        .args(["-c", "trap '' HUP; exec \"$0\" \"$@\""])
        .arg(env!("CARGO_BIN_EXE_etcdctl"))
        .arg(format!("--endpoints={}", gate.endpoint()))
        .args(["snapshot", "save"])
        .arg(&file)
        .command()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("sh starts");
    let end = Instant::now() + LIMIT;
    while part_files(&file).is_empty() {
        assert!(Instant::now() < end, "it did not begin");
        std::thread::sleep(Duration::from_millis(5));
    }
    let pid = Pid::from_raw(child.id().cast_signed()).expect("a child has an id");
    kill_process(pid, Signal::HUP).expect("a child can be signalled");
    gate.open();
    let status = wait_until(&mut child, end).expect("it ends");
    assert!(status.success(), "{status}");
    assert_whole(&file);
}

#[test]
fn an_impossible_destination_is_refused_before_any_request() {
    let dir = scratch();
    let at = |name: &str| dir.path().join(name).display().to_string();
    fs::create_dir(at("directory")).expect("a directory can be made");
    fs::write(at("file"), "").expect("a file can be written");
    std::os::unix::fs::symlink(at("nothing"), at("link")).expect("a link can be made");
    let long = "x".repeat(256);
    let file_exists = |path: &str| {
        format!("could not rename {path}.part to {path} (rename {path}.part {path}: file exists)")
    };
    let cases = [
        (at("directory"), file_exists(&at("directory"))),
        (at("directory/"), file_exists(&at("directory/"))),
        (
            at("new/"),
            format!(
                "could not open {0}.part (open {0}.part: no such file or directory)",
                at("new/")
            ),
        ),
        (
            at("file/"),
            format!(
                "could not open {0}.part (open {0}.part: not a directory)",
                at("file/")
            ),
        ),
        (
            at("file/x"),
            format!(
                "could not open {0}.part (open {0}.part: not a directory)",
                at("file/x")
            ),
        ),
        (
            at("link"),
            format!(
                "could not open {} (a symbolic link to {}, which does not exist)",
                at("link"),
                at("nothing")
            ),
        ),
        (
            at(&long),
            format!(
                "could not open {0}.part (open {0}.part: file name too long)",
                at(&long)
            ),
        ),
        (
            String::new(),
            "could not rename .part to  (rename .part : no such file or directory)".to_owned(),
        ),
    ];
    // A server that would accept the connection, and counts.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port can be bound");
    let address = listener
        .local_addr()
        .expect("a bound listener has an address");
    listener.set_nonblocking(true).expect("a socket can be set");
    let before = names(dir.path());
    for (path, text) in cases {
        let run = Program::etcdctl()
            .arg(format!("--endpoints={address}"))
            .args(["snapshot", "save", &path])
            .run()
            .failure(5, "");
        assert_eq!(run.err(), format!("Error: {text}\n"));
        let asked = listener.accept().map(drop).map_err(|e| e.kind());
        assert_eq!(asked, Err(std::io::ErrorKind::WouldBlock), "{path}");
        assert_eq!(names(dir.path()), before);
    }
}

#[test]
fn a_file_system_that_accepts_no_files_is_reported_before_any_request() {
    let Some(disk) = SmallDisk::mount(1 << 20) else {
        return;
    };
    disk.make_read_only();
    let file = disk.path().join("x.db").display().to_string();
    Program::etcdctl()
        .args(["--endpoints=127.0.0.1:1", "snapshot", "save", &file])
        .run()
        .failure(
            5,
            &format!(
                "Error: could not open {file}.part (open {file}.part: read-only file system)\n"
            ),
        );
}

#[test]
fn a_full_disk_is_reported_and_the_old_file_is_kept() {
    let server = filled_server();
    let Some(disk) = SmallDisk::mount(3 << 20) else {
        return;
    };
    let file = disk.path().join("x.db");
    fs::write(&file, "old").expect("there is room");
    let run = Program::etcdctl()
        .arg(format!("--endpoints={}", server.endpoint()))
        .args(["snapshot", "save"])
        .arg(&file)
        .run()
        .failure(5, "");
    let part = format!("{}.part", file.display());
    assert_eq!(
        run.err(),
        format!("Error: could not write snapshot: write {part}: no space left on device\n")
    );
    assert_eq!(names(disk.path()), ["x.db"]);
    assert_eq!(fs::read_to_string(&file).expect("the old file"), "old");
}

/// Runs our `etcdctl` in a shell with a file size limit of `kib`.
fn with_file_size_limit(kib: u32) -> Program {
    // POSIX uses blocks of 512 bytes.
    let script = format!("ulimit -f {}; exec \"$0\" \"$@\"", kib * 2);
    Program::new("/bin/sh")
        .args(["-c", &script])
        .arg(env!("CARGO_BIN_EXE_etcdctl"))
}

#[test]
fn a_file_size_limit_is_an_error_and_does_not_kill_the_process() {
    let server = filled_server();
    let dir = scratch();
    let file = dir.path().join("x.db");
    let part = format!("{}.part", file.display());
    let run = with_file_size_limit(64)
        .arg(format!("--endpoints={}", server.endpoint()))
        .args(["snapshot", "save"])
        .arg(&file)
        .run()
        .failure(5, "");
    assert_eq!(
        run.err(),
        format!("Error: could not write snapshot: write {part}: file too large\n")
    );
    assert!(names(dir.path()).is_empty());
}

#[test]
fn a_database_at_the_limit_on_the_size_of_files_refuses_writes_and_goes_on() {
    let dir = scratch();
    let data = dir.path().join("data");
    let etcdctl = || {
        with_file_size_limit(2048)
            .arg(format!("--endpoints=embedded:{}", data.display()))
            .stdin(vec![b'v'; 300 << 10])
    };
    let refused = (0..20)
        .map(|i| etcdctl().args(["put", &format!("key{i}")]).run())
        .find(|run| run.code() != 0)
        .expect("twenty values do not fit");
    assert_eq!(refused.code(), 1, "{refused}");
    assert!(refused.err().contains("file too large"), "{refused}");
    // The other files are there, and there is space again when the limit is lifted.
    let free = |args: &[&str]| {
        let endpoint = format!("--endpoints=embedded:{}", data.display());
        Program::etcdctl().arg(endpoint).args(args).run().success()
    };
    free(&["put", "last", "v"]);
    let keys = free(&["get", "", "--prefix", "--keys-only"]).out();
    assert!(
        keys.starts_with("key0\n\n") && keys.ends_with("last\n\n"),
        "{keys}"
    );
}

#[test]
#[cfg(target_os = "linux")]
fn a_server_at_the_limit_on_the_size_of_files_refuses_writes_and_goes_on() {
    use rustix::process::{Resource, Rlimit, prlimit};
    let server = filled_server();
    let size = fs::metadata(server.db_file())
        .expect("the file is there")
        .len();
    let pid = Pid::from_raw(server.pid().cast_signed());
    let limit = Rlimit {
        current: Some(size),
        maximum: None,
    };
    prlimit(pid, Resource::Fsize, limit).expect("a child's limit can be set");
    let etcdctl = || Program::etcdctl().arg(format!("--endpoints={}", server.endpoint()));
    let refused = (0..20)
        .map(|i| {
            etcdctl()
                .args(["put", &format!("more{i}")])
                .stdin(vec![b'v'; 1 << 20])
                .run()
        })
        .find(|run| run.code() != 0)
        .expect("twenty values do not fit");
    assert_eq!(refused.code(), 1, "{refused}");
    assert!(refused.err().contains("file too large"), "{refused}");
    let keys = etcdctl()
        .args(["get", "key", "--prefix", "--keys-only"])
        .run()
        .success()
        .out();
    assert_eq!(keys, "key0\n\nkey1\n\nkey2\n\nkey3\n\nkey4\n\n");
}
