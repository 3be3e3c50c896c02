//! `restore-keys`: restores keys from a snapshot, a file of lines or the history, and overwrites nothing that has changed.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::program::{Finished, Program, scratch};
use crate::support::server::{Launch, Server};
use crate::terminal::Session;

fn at(server: &Server) -> Program {
    Program::etcdctl().arg(format!("--endpoints={}", server.endpoint()))
}

fn run(server: &Server, args: &[&str]) -> Finished {
    at(server).args(args).run()
}

/// Everything under /prod/, as `get` prints it.
fn all(server: &Server) -> String {
    run(server, &["get", "/prod/", "--prefix"]).success().out()
}

/// A server with 20 keys under /prod/, one of which has a lease, and a snapshot of it.
fn saved() -> (Server, tempfile::TempDir, String) {
    let server = Launch::serve().start();
    let lease = run(&server, &["lease", "grant", "3600", "-w", "json"])
        .success()
        .json();
    let lease = format!("--lease={:x}", lease["ID"].as_i64().expect("an id"));
    for i in 0..20 {
        let key = format!("/prod/{i:02}");
        let mut args = vec!["put", &key, "old"];
        if i == 19 {
            args.push(&lease);
        }
        run(&server, &args).success();
    }
    run(&server, &["put", "/other", "1"]).success();
    let dir = scratch();
    let file = dir.path().join("backup.db");
    at(&server)
        .args(["snapshot", "save"])
        .arg(&file)
        .run()
        .success();
    let from = format!("--from=snapshot:{}", file.display());
    (server, dir, from)
}

const PREFIX: [&str; 2] = ["--prefix", "/prod/"];

#[test]
fn missing_keys_are_restored_and_changed_keys_are_kept() {
    let (server, dir, from) = saved();
    run(&server, &["del", "/prod/0", "--prefix"]).success();
    run(&server, &["del", "/prod/19"]).success();
    run(&server, &["put", "/prod/03", "new"]).success();
    let before = all(&server);
    let restore = |flags: &[&str]| {
        at(&server)
            .args(["restore-keys", &from])
            .args(PREFIX)
            .args(flags)
            .run()
    };
    let planned = restore(&["--dry-run"]).success();
    let file = dir.path().join("backup.db");
    assert_eq!(
        planned.out(),
        format!(
            "from {} at 22 into {} at 25\n\
             put       9 keys, 99 B (missing)\n\
             leave     1 key (changed since; --mode=changed overwrites)\n\
             skip      1 key with a lease\n\
             1 transaction of at most 128 operations; nothing was changed\n",
            file.display(),
            server.endpoint()
        )
    );
    assert_eq!(all(&server), before, "a plan changes nothing");
    // Without a terminal or --yes, nothing is changed either.
    restore(&[]).failure(128, "nothing was changed: --yes is needed");
    assert_eq!(all(&server), before);
    let done = restore(&["--yes", "-w", "json"]).success().json();
    assert_eq!(done["outcome"], "done");
    assert_eq!(
        (&done["put"], &done["left"], &done["skipped"]),
        (&9.into(), &1.into(), &1.into())
    );
    assert_eq!(done["revision"], 26, "one transaction");
    let keys = done["keys"].as_array().expect("a list");
    assert_eq!(keys.len(), 11);
    assert_eq!(keys[0]["key"], "/prod/00");
    assert_eq!(
        (&keys[0]["action"], &keys[0]["source_mod_revision"]),
        (&"put".into(), &2.into())
    );
    assert!(all(&server).contains("/prod/03\nnew\n") && !all(&server).contains("/prod/19"));
    // The second time, there is nothing to do.
    let again = restore(&["--yes", "-w", "json"]).success().json();
    assert_eq!(again["outcome"], "nothing_to_do");
}

#[test]
fn exact_makes_the_range_equal_to_the_source_and_the_undo_file_reverts_it() {
    let (server, dir, from) = saved();
    let file = format!("snapshot:{}", dir.path().join("backup.db").display());
    run(&server, &["del", "/prod/05"]).success();
    run(&server, &["put", "/prod/03", "new"]).success();
    run(&server, &["put", "/prod/zz", "later"]).success();
    at(&server)
        .args(["put", "--", "/prod/\n"])
        .stdin(vec![0xff, 0, 10])
        .run()
        .success();
    let before = all(&server);
    let undo = dir.path().join("undo.ndjson");
    let undo_flag = format!("--undo-file={}", undo.display());
    let exact = |from: &str, flags: &[&str]| {
        let base = [
            "restore-keys",
            from,
            "--mode=exact",
            "--leased=drop",
            "--yes",
        ];
        at(&server).args(base).args(PREFIX).args(flags).run()
    };
    exact(&from, &[&undo_flag, "--max-txn-ops=2"]).success();
    let there = Program::etcdctl()
        .arg(format!("--endpoints={file}"))
        .args(["get", "/prod/", "--prefix"])
        .run()
        .success();
    assert_eq!(all(&server), there.out());
    assert_eq!(run(&server, &["get", "/other"]).out(), "/other\n1\n");
    let lines = fs::read_to_string(&undo).expect("it was written");
    assert_eq!(lines.lines().count(), 21);
    assert!(lines.contains("\"value_base64\":\"/wAK\""), "{lines}");
    let back = format!("--from={}", undo.display());
    exact(&back, &[]).success();
    assert_eq!(all(&server), before);
}

#[test]
fn deleted_keys_come_back_from_the_history_as_long_as_it_is_there() {
    let (server, _dir, _) = saved();
    let before = all(&server);
    run(&server, &["del", "/prod/0", "--prefix"]).success();
    let undelete = || {
        run(
            &server,
            &["restore-keys", "--rev=22", "--prefix", "/prod/", "--yes"],
        )
    };
    undelete().success();
    assert_eq!(all(&server), before);
    run(&server, &["del", "/prod/0", "--prefix"]).success();
    run(&server, &["compaction", "24"]).success();
    let gone = undelete();
    gone.failure(1, "required revision has been compacted")
        .failure(
            1,
            "hint: the oldest revision that can still be read is 24\n",
        );
    run(&server, &["restore-keys", "/prod/00"]).failure(
        128,
        "--from (a source) or --rev (a revision of this cluster) is needed",
    );
}

#[test]
fn a_key_that_changes_between_plan_and_write_is_left_and_named() {
    let (server, _dir, from) = saved();
    run(&server, &["del", "/prod/", "--prefix"]).success();
    let program = at(&server).args(["restore-keys", &from]).args(PREFIX);
    let mut person = Session::start(&program, 100, "");
    person.wait_for("go on? [y/N]");
    run(&server, &["put", "/prod/07", "somebody else's"]).success();
    person.type_in("y\n");
    let (code, shown) = person.end();
    assert_eq!(code, Some(10), "{shown}");
    assert!(
        shown.contains("left      1 key (changed after the plan was made)\n"),
        "{shown}"
    );
    assert!(shown.contains("  left \"/prod/07\"\n"), "{shown}");
    assert_eq!(
        run(&server, &["get", "/prod/07"]).out(),
        "/prod/07\nsomebody else's\n"
    );
    assert_eq!(run(&server, &["get", "/prod/08"]).out(), "/prod/08\nold\n");
    // Nothing is changed unless the user answers yes.
    run(&server, &["del", "/prod/", "--prefix"]).success();
    let mut person = Session::start(&program, 100, "");
    person.wait_for("go on? [y/N]");
    person.type_in("n\n");
    let (code, shown) = person.end();
    assert_eq!(code, Some(1), "{shown}");
    assert_eq!(all(&server), "");
}

/// A file of many key-value lines.
fn many_lines(dir: &Path, n: usize) -> PathBuf {
    let path = dir.join("many.ndjson");
    let line = |i| format!("{{\"schema\":1,\"key\":\"/prod/{i:06}\",\"value\":\"{i:01000}\"}}\n");
    fs::write(&path, (0..n).map(line).collect::<String>()).expect("it can be written");
    path
}

#[test]
fn a_restore_that_was_killed_half_way_is_finished_by_the_next() {
    let server = Launch::serve().start();
    let dir = scratch();
    let n = 3_000;
    let from = format!("--from={}", many_lines(dir.path(), n).display());
    let program = at(&server)
        .args(["restore-keys", &from, "--yes", "--max-txn-ops=1"])
        .args(PREFIX);
    let mut child = program.command().spawn().expect("our own program starts");
    let count = || -> usize {
        let args = ["get", "/prod/", "--prefix", "--count-only", "-w", "fields"];
        let out = run(&server, &args).success().out();
        let count = out.lines().find_map(|l| l.strip_prefix("\"Count\" : "));
        count.and_then(|n| n.parse().ok()).expect("a count")
    };
    let end = Instant::now() + Duration::from_secs(60);
    while count() == 0 {
        assert!(Instant::now() < end, "it did not begin");
    }
    child.kill().expect("it can be killed");
    child.wait().expect("it ends");
    let after_kill = count();
    assert!(after_kill > 0 && after_kill <= n);
    let args = ["restore-keys", &from, "--yes", "-w", "json"];
    let done = at(&server).args(args).args(PREFIX).run().success().json();
    assert_eq!(done["put"], n - after_kill);
    assert_eq!(count(), n);
}

#[test]
fn keys_that_do_not_fit_are_refused_before_the_first_write() {
    let server = Launch::serve()
        .flag("--quota-backend-bytes=2000000")
        .start();
    let dir = scratch();
    let from = format!("--from={}", many_lines(dir.path(), 3_000).display());
    let refused = at(&server)
        .args(["restore-keys", &from, "--yes"])
        .args(PREFIX)
        .run();
    let refused = refused.failure(10, "not enough space: about ");
    assert!(
        refused.err().contains("hint: nothing was changed"),
        "{refused}"
    );
    assert_eq!(all(&server), "");
}

#[test]
fn missing_owners_and_encrypted_values_are_reported() {
    let server = Launch::serve().start();
    let dir = scratch();
    let path = dir.path().join("k8s.ndjson");
    let pod = |name: &str, owner: &str| {
        let value = format!(
            "{{\"metadata\":{{\"uid\":\"{name}\",\"namespace\":\"prod\",\"ownerReferences\":[\
             {{\"apiVersion\":\"apps/v1\",\"kind\":\"ReplicaSet\",\"name\":\"{owner}\",\"uid\":\"{owner}\"}}]}}}}"
        );
        let line = serde_json::json!({"schema": 1, "key": format!("/registry/pods/prod/{name}"), "value": value});
        format!("{line}\n")
    };
    let secret =
        "{\"schema\":1,\"key\":\"/registry/secrets/prod/s\",\"value\":\"k8s:enc:aescbc:v1:k:x\"}\n";
    fs::write(&path, pod("a", "there") + &pod("b", "gone") + secret).expect("it can be written");
    let owner = "{\"metadata\":{\"uid\":\"there\",\"namespace\":\"prod\"}}";
    run(&server, &["put", "/registry/replicasets/prod/there", owner]).success();
    let from = format!("--from={}", path.display());
    let args = [
        "restore-keys",
        &from,
        "--prefix",
        "/registry/",
        "--dry-run",
        "-w",
        "json",
    ];
    let planned = run(&server, &args).success().json();
    let warnings: Vec<&str> = planned["warnings"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(
        warnings[0].starts_with("1 values are encrypted (k8s:enc:)"),
        "{warnings:?}"
    );
    assert!(
        warnings[1].starts_with("owners that were not found: ReplicaSet prod/gone;"),
        "{warnings:?}"
    );
}

#[test]
fn flags_and_sources_that_make_no_sense_are_named() {
    let server = Launch::serve().start();
    let restore = |args: &[&str]| at(&server).arg("restore-keys").args(args).run();
    restore(&["--from=host", "k"]).failure(128, "--from: endpoint \"host\": ");
    restore(&["--from=none.ndjson", "k"]).failure(1, "open none.ndjson: no such file");
    restore(&["--from=snapshot:none.db", "k"]).failure(1, "none.db");
    restore(&["--rev=1", "k", "--mode=all"]).failure(128, "--mode: \"all\" is none of");
    restore(&["--rev=1", "k", "--leased=keep"]).failure(128, "--leased: \"keep\" is neither");
    restore(&["--rev=-1", "k"]).failure(128, "--rev=-1 is not a revision");
    restore(&["--rev=1", "k", "--max-txn-ops=0"]).failure(128, "--max-txn-ops=0");
    restore(&["--rev=1"]).failure(128, "restore-keys needs one argument as key");
    restore(&["--rev=1", "k", "--dry-run", "-w", "protobuf"]).failure(4, "");
}
