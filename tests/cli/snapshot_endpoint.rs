//! `--endpoints=snapshot:FILE`: a file answers like a member with this data, at every revision that it retains, and is
//! never changed. And `snapshot verify` as seen by a script.

use std::{
    fs::{self, File},
    io::Read as _,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::support::program::Program;
use crate::support::server::Launch;

fn fixture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/fixtures")
        .join(format!("{name}.gz"));
    let mut out = Vec::new();
    flate2::read::GzDecoder::new(File::open(path).unwrap())
        .read_to_end(&mut out)
        .unwrap();
    out
}

fn write(dir: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = dir.join(name);
    fs::write(&path, bytes).unwrap();
    path
}

fn at(path: &Path) -> Program {
    Program::etcdctl().arg(format!("--endpoints=snapshot:{}", path.display()))
}

#[test]
fn a_file_answers_reads_at_every_revision() {
    let dir = tempfile::tempdir().unwrap();
    let expected: Value = serde_json::from_slice(&fixture("expected.json")).unwrap();
    for name in [
        "basic-3.4.snapshot.db",
        "basic-3.5.member.db",
        "basic-3.7.snapshot.db",
        "rich-3.7.snapshot.db",
        "accounts-3.7.snapshot.db",
    ] {
        let bytes = fixture(name);
        let path = write(dir.path(), name, &bytes);
        let entry = &expected["files"][name];
        for (rev, answer) in entry["live_keys"]["revisions"].as_object().unwrap() {
            let get = at(&path)
                .args(["get", "", "--prefix", "-w", "json"])
                .arg(format!("--rev={rev}"))
                .run();
            if let Some(rows) = answer["keys"].as_array() {
                let reply = get.success().json();
                let count = reply["kvs"].as_array().map_or(0, Vec::len);
                assert_eq!(count, rows.len(), "{name} at {rev}");
            } else {
                get.failure(1, "required revision");
            }
        }
        let ask = |args: &[&str]| {
            let run = at(&path).args(args).args(["-w", "json"]).run();
            run.success().json()
        };
        let hash = ask(&["endpoint", "hashkv"]);
        let theirs = &entry["hashkv"]["3.7"]["0"]["stdout"];
        assert_eq!(hash[0]["HashKV"]["hash"], theirs["hash"], "{name}");
        let status = ask(&["endpoint", "status"]);
        let revision = &entry["facts"]["server_revision"];
        assert_eq!(
            status[0]["Status"]["header"]["revision"], *revision,
            "{name}"
        );
        assert!(fs::read(&path).unwrap() == bytes, "{name} was changed");
    }
}

#[test]
fn members_and_alarms_are_those_of_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = write(dir.path(), "cluster", &fixture("cluster-3.7.snapshot.db"));
    let run = at(&path).args(["member", "list", "-w", "json"]).run();
    let members = run.success().json();
    assert_eq!(members["members"].as_array().unwrap().len(), 4, "{members}");
    let path = write(dir.path(), "accounts", &fixture("accounts-3.7.snapshot.db"));
    let alarms = at(&path).args(["alarm", "list"]).run().success();
    assert!(alarms.out().contains("NOSPACE"), "{alarms}");
}

#[test]
fn writes_are_refused_by_name_and_the_owner_is_not_kept_out() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = fixture("basic-3.7.member.db");
    let path = write(dir.path(), "db", &bytes);
    let refused = format!(
        "snapshot:{} can only be read: nothing can be written to it",
        path.display()
    );
    for args in [&["put", "a", "1"][..], &["del", "a"], &["compaction", "30"]] {
        at(&path).args(args).run().failure(1, &refused);
    }
    assert!(fs::read(&path).unwrap() == bytes);
    // A file that is open for writing elsewhere is not read.
    let owner = File::open(&path).unwrap();
    owner.lock().unwrap();
    at(&path)
        .args(["get", "a"])
        .run()
        .failure(1, "the database is locked");
    drop(owner);
    Program::etcdctl()
        .args(["--endpoints=snapshot:", "get", "a"])
        .run()
        .failure(1, "the file is missing: snapshot:FILE");
    at(Path::new("/nonexistent"))
        .args(["get", "a"])
        .run()
        .failure(1, "no such file or directory");
    let text = write(dir.path(), "text", b"not a database");
    at(&text)
        .args(["get", "a"])
        .run()
        .failure(1, "not a bolt database");
}

#[test]
fn a_snapshot_is_served_to_any_client() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = fixture("basic-3.7.snapshot.db");
    let path = write(dir.path(), "backup.db", &bytes);
    let server = Launch::serve()
        .flag(format!("--snapshot={}", path.display()))
        .start();
    let client = Program::etcdctl().arg(format!("--endpoints={}", server.endpoint()));
    let served = client.clone().args(["get", "", "--prefix"]).run().success();
    let read = at(&path).args(["get", "", "--prefix"]).run().success();
    assert_eq!(served.out(), read.out());
    client
        .args(["put", "a", "1"])
        .run()
        .failure(1, "can only be read");
    assert!(fs::read(&path).unwrap() == bytes);
}

#[test]
fn verify_says_what_fails_and_how() {
    let dir = tempfile::tempdir().unwrap();
    let good = fixture("basic-3.7.snapshot.db");
    let path = write(dir.path(), "good", &good);
    for tool in [Program::etcdutl(), Program::etcdctl()] {
        let run = tool.args(["snapshot", "verify"]).arg(&path).run().success();
        assert!(
            run.out().ends_with("good: etcd 3.7 and later restore it\n"),
            "{run}"
        );
    }
    let verify = |path: &Path| Program::etcdutl().args(["snapshot", "verify"]).arg(path);
    let piped = verify(Path::new("-")).stdin(good.clone()).run().success();
    assert!(piped.out().contains("digest      ok"), "{piped}");
    let mut flipped = good.clone();
    flipped[30_000] ^= 1;
    let path = write(dir.path(), "flipped", &flipped);
    let run = verify(&path).args(["-w", "json"]).run();
    assert_eq!(run.code(), 10, "{run}");
    assert_eq!(run.json()["verdict"], "bad");
    assert_eq!(run.err(), "");
    let run = verify(&write(dir.path(), "text", b"text")).run();
    assert_eq!(run.code(), 11, "{run}");
    let run = verify(&write(dir.path(), "few", &good))
        .arg("--min-keys=1000")
        .run();
    assert_eq!(run.code(), 17, "{run}");
    verify(Path::new("/nonexistent"))
        .run()
        .failure(1, "no such file or directory");
}

/// The owner of a file that is served cuts it, overwrites a page, commits a transaction: an error that names the file
/// or the page, and the server goes on.
#[test]
fn a_file_that_changes_while_it_is_served_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = fixture("rich-3.7.snapshot.db");
    let page = 4096;
    let path = dir.path().join("db");
    type Change = fn(&File, &[u8]);
    let changes: [(&str, Change); 4] = [
        ("the file has become shorter", |file, _| {
            file.set_len(100).unwrap();
        }),
        ("page ", |file, _| file.set_len(6 * 4096).unwrap()),
        ("page ", |file, bytes| {
            let rest = vec![0xff; bytes.len() - 2 * 4096];
            file.write_all_at(&rest, 2 * 4096).unwrap();
        }),
        // What a commit leaves: another transaction in a meta page.
        ("page 0: the file was changed", |file, bytes| {
            let mut meta = bytes[..4096].to_vec();
            meta[64] ^= 4;
            file.write_all_at(&meta, 0).unwrap();
        }),
    ];
    assert!(bytes.len() > 100 * page);
    for (text, change) in changes {
        fs::write(&path, &bytes).unwrap();
        let server = Launch::serve()
            .flag(format!("--snapshot={}", path.display()))
            .start();
        let client = Program::etcdctl()
            .arg(format!("--endpoints={}", server.endpoint()))
            .args(["--user=root:pw-root", "get", "", "--prefix"]);
        let before = client.run().success();
        assert!(before.out().len() > 1 << 20, "there are values of a MiB");
        let file = File::options().write(true).open(&path).unwrap();
        change(&file, &bytes);
        for _ in 0..2 {
            let failed = client.run().failure(1, text);
            assert!(
                failed.err().contains(&path.display().to_string()),
                "{failed}"
            );
        }
        // The state that was opened is there again: so are the answers.
        fs::write(&path, &bytes).unwrap();
        assert_eq!(client.run().success().out(), before.out());
    }
}
