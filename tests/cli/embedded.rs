//! `--endpoints=embedded:DIR`: a server in the client's own process.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::support::{
    program::{Program, scratch},
    server::Launch,
    skip::skip,
    small_disk::SmallDisk,
};

#[test]
fn one_directory_serves_every_client_of_the_command() {
    let dir = scratch();
    let data = dir.path().join("d");
    let endpoint = format!("embedded:{}", data.display());
    let etcdctl = |endpoints: &str, args: &[&str]| {
        Program::etcdctl()
            .arg(format!("--endpoints={endpoints}"))
            .args(args)
            .run()
    };
    etcdctl(&endpoint, &["put", "k", "v"]).success();
    // One client requests the member list, and another queries each member.
    let run = etcdctl(&endpoint, &["endpoint", "health", "--cluster"]).success();
    assert!(
        run.out().starts_with(&format!("{endpoint} is healthy: ")),
        "{run}"
    );
    let twice = format!("{endpoint}?quota-backend-bytes=16777216,{endpoint}");
    let run = etcdctl(&twice, &["defrag"]).success();
    assert_eq!(run.out().lines().count(), 2, "{run}");
    // The next command finds it closed cleanly.
    let run = etcdctl(&endpoint, &["get", "k"]).success();
    assert_eq!((run.out().as_str(), run.err().as_str()), ("k\nv\n", ""));
}

#[test]
fn a_directory_that_cannot_be_created_is_named() {
    Program::etcdctl()
        .args(["--endpoints=embedded:/proc/no/such", "put", "k", "v"])
        .run()
        .failure(1, "Error: /proc/no: ");
}

fn etcdctl(dir: &Path, args: &[&str]) -> Program {
    Program::etcdctl()
        .arg(format!("--endpoints=embedded:{}", dir.display()))
        .args(args)
}

/// Every command that only reads, and every one that needs an existing database.
const NEEDS_A_DATABASE: &[&[&str]] = &[
    &["get", "k"],
    &["get", "", "--prefix", "--keys-only"],
    &["endpoint", "health"],
    &["endpoint", "status"],
    &["endpoint", "hashkv"],
    &["member", "list"],
    &["alarm", "list"],
    &["alarm", "disarm"],
    &["del", "k"],
    &["compaction", "1"],
    &["defrag"],
    &["auth", "enable"],
];

#[test]
fn only_what_puts_something_creates_a_database() {
    let dir = scratch();
    let data = dir.path().join("typo");
    let missing = format!("no database in {}", data.display());
    for args in NEEDS_A_DATABASE {
        let run = etcdctl(&data, args).run();
        assert_eq!(run.code(), 1, "{args:?}: {run}");
        assert!(run.err().contains(&missing), "{args:?}: {run}");
        assert!(!data.exists(), "{args:?} made a directory");
    }
    let file = dir.path().join("backup.db");
    let save = etcdctl(&data, &["snapshot", "save"]).arg(&file).run();
    save.failure(5, &missing);
    assert!(!data.exists() && !file.exists());
    let txn = |block: &str| etcdctl(&data, &["txn"]).stdin(block).run();
    txn("\n\nget k\n\n").failure(1, &missing);
    txn("\n\ndel k\n\n").failure(1, &missing);
    assert!(!data.exists());
    txn("\nput k v\n\n\n").success();
    assert_eq!(
        etcdctl(&data, &["get", "k"]).run().success().out(),
        "k\nv\n"
    );
}

#[test]
fn reading_commands_change_nothing() {
    let dir = scratch();
    let data = dir.path().join("d");
    etcdctl(&data, &["put", "k", "v"]).run().success();
    let before = std::fs::read(data.join("db")).unwrap();
    for args in NEEDS_A_DATABASE
        .iter()
        .take_while(|args| args.get(1) != Some(&"disarm"))
    {
        etcdctl(&data, args).run().success();
        let after = std::fs::read(data.join("db")).unwrap();
        assert!(before == after, "{args:?} wrote into the database");
    }
    let names: Vec<_> = std::fs::read_dir(&data).unwrap().collect();
    assert_eq!(names.len(), 1, "{names:?}");
}

#[test]
fn odd_directories_are_refused_by_name() {
    let dir = scratch();
    for (typed, reason) in [
        ("embedded:~/x", "the shell does not expand ~"),
        ("embedded:$HOME/x", "the shell does not expand $"),
        ("embedded://x/y", "embedded:/x/y or embedded:x/y"),
        ("embedded: x", "begins or ends with a space"),
        ("embedded:*", "the shell does not expand *"),
        ("embedded:'x'", "begins with a quote"),
        ("embedded:http://h:2379", "the address of a server"),
        ("embedded:127.0.0.1:2379", "the address of a server"),
        ("embedded:snapshot:x", "only one of embedded: and snapshot:"),
        ("embedded:a/$USER", "the shell does not expand $"),
        ("embedded:--data-dir=x", "begins with a dash"),
        ("embedded:file:/x", "a URL"),
        ("embedded:127.0.0.1:2379/", "the address of a server"),
        ("embedded:x&name=y", "embedded:x?name=y"),
        ("embedded:a,b", "a comma"),
        ("embedded:a,127.0.0.1:1", "a comma"),
    ] {
        let run = Program::etcdctl()
            .current_dir(dir.path())
            .arg(format!("--endpoints={typed}"))
            .args(["put", "k", "v"])
            .run()
            .failure(1, reason);
        assert!(run.err().contains("embedded:"), "{run}");
        let names: Vec<_> = std::fs::read_dir(dir.path()).unwrap().collect();
        assert!(names.is_empty(), "{typed}: {names:?}");
    }
}

/// A directory that may not be searched is not an empty one.
#[test]
fn an_unreadable_directory_is_not_reported_as_missing() {
    if !rustix::process::getuid().is_root() {
        skip("only root can become another user");
        return;
    }
    let dir = scratch();
    let data = dir.path().join("d");
    etcdctl(&data, &["put", "k", "v"]).run().success();
    let mode = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(dir.path(), 0o755);
    // The program may be in a directory that others cannot enter.
    let program = dir.path().join("etcdctl");
    std::fs::copy(env!("CARGO_BIN_EXE_etcdctl"), &program).unwrap();
    for (directory, file) in [(0o700, 0o644), (0o755, 0o600)] {
        mode(&data, directory);
        mode(&data.join("db"), file);
        for args in [&["get", "k"][..], &["endpoint", "health"]] {
            let run = Program::new("setpriv")
                .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
                .arg(&program)
                .arg(format!("--endpoints=embedded:{}", data.display()))
                .args(args)
                .run();
            assert_eq!(run.code(), 1, "{args:?}: {run}");
            let denied = run.out() + &run.err();
            assert!(denied.contains("d/db: open: permission denied"), "{run}");
        }
    }
}

#[test]
fn a_directory_in_use_is_waited_for() {
    let dir = scratch();
    let data = dir.path().join("d");
    let server = Launch::serve().data_dir(&data).start();
    let busy = |args: &[&str]| {
        etcdctl(&data, &["--command-timeout=200ms"])
            .args(args)
            .run()
    };
    busy(&["get", "k"]).failure(1, "serve");
    busy(&["put", "k", "v"]).failure(1, "serve");
    // With more time, the command opens the directory as soon as it is free.
    let put = etcdctl(&data, &["--command-timeout=60s", "put", "k", "v"]);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| put.run());
        drop(server);
        waiting.join().expect("the command ran").success();
    });
    etcdctl(&data, &["get", "k"]).run().success();
}

#[test]
fn many_commands_at_once_take_turns() {
    let dir = scratch();
    let data = dir.path().join("d");
    etcdctl(&data, &["put", "0", "v"]).run().success();
    std::thread::scope(|scope| {
        for n in 1..8 {
            let put = etcdctl(
                &data,
                &["--command-timeout=60s", "put", &format!("{n}"), "v"],
            );
            scope.spawn(move || put.run().success());
        }
    });
    let run = etcdctl(
        &data,
        &["get", "", "--from-key", "--count-only", "-w", "fields"],
    )
    .run();
    assert!(run.success().out().contains("\"Count\" : 8"));
}

#[test]
fn reading_works_on_a_full_and_on_a_read_only_disk() {
    let Some(disk) = SmallDisk::mount(4 << 20) else {
        return;
    };
    let data = disk.path().join("d");
    etcdctl(&data, &["put", "k", "v"]).run().success();
    disk.leave_free(0);
    let reads = || {
        NEEDS_A_DATABASE
            .iter()
            .take_while(|args| args[1] != "disarm")
    };
    for args in reads() {
        etcdctl(&data, args).run().success();
    }
    disk.make_read_only();
    for args in reads() {
        etcdctl(&data, args).run().success();
    }
    let refused = etcdctl(&data, &["put", "k", "w"]).run();
    refused.failure(1, "read-only file system");
    let run = etcdctl(&data, &["get", "k"]).run().success();
    assert_eq!(run.out(), "k\nv\n");
}

#[test]
fn the_recovery_of_a_full_database_can_be_repeated() {
    let dir = scratch();
    let endpoint = format!(
        "--endpoints=embedded:{}?quota-backend-bytes=16777216",
        dir.path().join("d").display()
    );
    let etcdctl = |args: &[&str]| Program::etcdctl().arg(&endpoint).args(args);
    let value = "v".repeat(1 << 20);
    for round in 0..3 {
        let full = loop {
            let run = etcdctl(&["put", "k"]).stdin(value.as_str()).run();
            if run.code() != 0 {
                break run;
            }
        };
        full.failure(1, "mvcc: database space exceeded");
        let run = etcdctl(&["get", "k", "--keys-only", "-w", "json"]).run();
        let answer: serde_json::Value = serde_json::from_str(&run.success().out()).unwrap();
        let revision = answer["header"]["revision"].to_string();
        etcdctl(&["compact", &revision]).run().success();
        etcdctl(&["defrag"]).run().success();
        etcdctl(&["alarm", "disarm"]).run().success();
        etcdctl(&["put", "k", "small"]).run().success();
        let size = std::fs::metadata(dir.path().join("d/db")).unwrap().len();
        assert!(size < 8 << 20, "round {round}: {size} bytes are left");
    }
}
