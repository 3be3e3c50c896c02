//! `--endpoints=snapshot:FILE`: a file answers like a member with this data, at every revision that it retains, and is
//! never changed. And `snapshot verify` as seen by a script.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use serde_json::Value;
use sha2::Digest as _;

use crate::support::fixtures::{bytes as fixture, expected};
use crate::support::program::Program;
use crate::support::server::Launch;

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
    let expected = expected();
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
fn verify_names_what_fails() {
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

/// The owner of a file that is served truncates it, overwrites a page, or commits a transaction: the result is an error that
/// names the file or the page, and the server continues.
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
        // Once the original content is restored, the answers are the same as before.
        fs::write(&path, &bytes).unwrap();
        assert_eq!(client.run().success().out(), before.out());
    }
}

/// Every command that reads works on a file as on a member, without a user even if authentication is enabled in the file.
#[test]
fn every_read_command_answers_from_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = fixture("accounts-3.7.snapshot.db");
    let path = write(dir.path(), "accounts", &bytes);
    let out = |args: &[&str]| at(&path).args(args).run().success().out();
    let keys = out(&["get", "", "--prefix", "--keys-only"]);
    assert!(keys.starts_with("acc/0\n"), "{keys}");
    assert_eq!(
        out(&["get", "acc/0", "--print-value-only"]).lines().count(),
        1
    );
    let early = out(&["get", "", "--prefix", "--keys-only", "--rev=3"]);
    assert!(!early.is_empty() && early.len() < keys.len(), "{early}");
    assert!(
        out(&["get", "", "--prefix", "--count-only", "-w", "fields"]).contains("\"Count\" : 12")
    );
    let leases = out(&["lease", "list"]);
    assert!(leases.starts_with("found 2 leases\n"), "{leases}");
    let attached: Vec<String> = leases
        .lines()
        .skip(1)
        .map(|id| out(&["lease", "timetolive", id, "--keys"]))
        .collect();
    assert!(
        attached.iter().any(|l| l.contains("attached keys([acc/0")),
        "{attached:?}"
    );
    assert_eq!(out(&["user", "list"]), "ann\nbob\nroot\n");
    assert!(out(&["user", "get", "root"]).contains("Roles: root"));
    assert!(out(&["role", "list"]).contains("writer"));
    assert!(out(&["role", "get", "writer"]).contains("KV Write:"));
    assert!(out(&["auth", "status"]).contains("Authentication Status: true"));
    assert!(out(&["alarm", "list"]).contains("NOSPACE"));
    let member = out(&["member", "list"]);
    let id = member.split(',').next().unwrap();
    assert!(member.contains("started, m1,"), "{member}");
    let status = out(&["endpoint", "status"]);
    assert!(
        status.contains(id) && status.contains("NOSPACE"),
        "{status}"
    );
    assert!(out(&["endpoint", "hashkv"]).contains(", 2988850155, 13"));
    // A member with this alarm is unhealthy, too.
    at(&path)
        .args(["endpoint", "health"])
        .run()
        .failure(1, "unhealthy cluster");
    let healthy = write(dir.path(), "healthy", &fixture("basic-3.7.snapshot.db"));
    let health = at(&healthy).args(["endpoint", "health"]).run().success();
    assert!(health.out().contains("is healthy"), "{health}");
    // The whole history: a watch from the first revision runs until it is ended.
    let watch = at(&path)
        .args(["watch", "--rev=2", "", "--prefix", "--", "sh", "-c"])
        .arg("echo $ETCD_WATCH_KEY; [ \"$ETCD_WATCH_KEY\" != '\"acc/11\"' ] || kill -INT $PPID")
        .run();
    assert!(watch.out().starts_with("PUT\nacc/0\n"), "{watch}");
    assert!(watch.out().contains("\"acc/11\"\n"), "{watch}");
    let saved = dir.path().join("saved");
    at(&path)
        .args(["snapshot", "save"])
        .arg(&saved)
        .run()
        .success();
    let verify = Program::etcdutl().args(["snapshot", "verify"]).arg(&saved);
    verify.run().success();
    assert!(fs::read(&path).unwrap() == bytes);
}

#[test]
fn every_command_that_changes_something_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = fixture("accounts-3.7.snapshot.db");
    let path = write(dir.path(), "accounts", &bytes);
    let text = |args: &[&str]| at(&path).args(args).run().success().out();
    let (leases, members) = (text(&["lease", "list"]), text(&["member", "list"]));
    let lease = leases.lines().last().unwrap();
    let member = members.split(',').next().unwrap();
    let commands = format!(
        "put a 1\ndel a\ncompaction 3\ndefrag\nalarm disarm\n\
         lease grant 10\nlease revoke {lease}\nlease keep-alive --once {lease}\n\
         member add x --peer-urls=http://a:1\nmember remove {member}\n\
         member update {member} --peer-urls=http://a:1\nmember promote {member}\nmove-leader {member}\n\
         auth enable\nauth disable\nuser add u:p\nuser delete bob\nuser grant-role bob root\n\
         user revoke-role root root\nrole add r\nrole delete reader\n\
         role grant-permission reader read a\nrole revoke-permission reader a\n\
         lock l true\nelect e v\ndowngrade enable 3.6\ndowngrade cancel"
    );
    let refused = format!(
        "snapshot:{} can only be read: nothing can be written to it",
        path.display()
    );
    for command in commands.lines() {
        let run = at(&path).args(command.split(' ')).run();
        assert_ne!(run.code(), 0, "{command}: {run}");
        let said = run.out() + &run.err();
        assert!(said.contains(&refused), "{command}: {said}");
    }
    let txn = at(&path).arg("txn").stdin("\n\nput a 1\n\n\n").run();
    assert!(txn.err().contains(&refused), "{txn}");
    assert!(fs::read(&path).unwrap() == bytes);
}

/// `snapshot verify --against`: the same history, a changed value with a corrected digest, and a member that has received
/// writes since.
#[test]
fn a_snapshot_is_compared_with_a_member() {
    let server = Launch::serve().start();
    let endpoint = server.endpoint();
    let ask = |args: &[&str]| {
        let run = Program::etcdctl().arg(format!("--endpoints={endpoint}"));
        run.args(args).run().success()
    };
    for i in 0..20 {
        ask(&["put", &format!("key{}", i % 7), &format!("value {i}")]);
    }
    ask(&["compaction", "9"]);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("saved");
    ask(&["snapshot", "save", path.to_str().unwrap()]);
    let verify = |path: &Path| {
        let against = format!("--against={endpoint}");
        Program::etcdctl()
            .args(["snapshot", "verify", &against])
            .arg(path)
            .run()
    };
    let same = format!("against     ok       {endpoint} has this hash at 21");
    assert!(verify(&path).success().out().contains(&same));
    // The member receives a write, and compacts revisions that the file still has.
    ask(&["put", "key1", "later"]);
    ask(&["compaction", "15"]);
    assert!(verify(&path).success().out().contains(&same));
    // Change one value and correct the digest.
    let mut bytes = fs::read(&path).unwrap();
    let is_value = |at: &usize| bytes[*at..].starts_with(b"value 19");
    let places: Vec<usize> = (0..bytes.len()).filter(is_value).collect();
    // Free pages contain copies of the value.
    for at in places {
        bytes[at + 7] = b'8';
    }
    let end = bytes.len() - 32;
    let digest = sha2::Sha256::digest(&bytes[..end]);
    bytes[end..].copy_from_slice(&digest);
    let changed = write(dir.path(), "changed", &bytes);
    Program::etcdutl()
        .args(["snapshot", "verify"])
        .arg(&changed)
        .run()
        .success();
    let run = verify(&changed);
    assert_eq!(run.code(), 16, "{run}");
    assert!(run.out().contains("against     bad"), "{run}");
    // Revisions that the member has compacted cannot be compared.
    ask(&["compaction", "22"]);
    let run = verify(&path);
    assert_eq!(run.code(), 16, "{run}");
    assert!(
        run.out().contains("it has compacted past revision 21"),
        "{run}"
    );
    let run = Program::etcdutl()
        .args(["snapshot", "verify", "--against=127.0.0.1:1"])
        .arg(&path)
        .run();
    run.failure(128, "etcdutl opens none");
}

#[test]
fn salvage_as_seen_by_a_script() {
    let dir = tempfile::tempdir().unwrap();
    let mut bytes = fixture("basic-3.7.snapshot.db");
    let page = 4096;
    bytes[..2 * page].fill(0);
    let broken = write(dir.path(), "broken.db", &bytes);
    let salvage = || Program::etcdutl().args(["snapshot", "salvage"]);
    let (out, report) = (dir.path().join("out.db"), dir.path().join("report.json"));
    let planned = salvage().arg(&broken).arg(&out).arg("--dry-run").run();
    assert!(planned.success().out().contains("(not written)"));
    assert!(!out.exists());
    let run = salvage()
        .arg(&broken)
        .arg(&out)
        .arg(format!("--report={}", report.display()))
        .run()
        .success();
    assert!(run.out().contains("tree   broken at page 0"), "{run}");
    let json: Value = serde_json::from_slice(&fs::read(&report).unwrap()).unwrap();
    assert_eq!(json["schema"], 1);
    assert_eq!(json["source"], "scan");
    assert_eq!(json["keys"], 33);
    let verify = Program::etcdutl().args(["snapshot", "verify"]).arg(&out);
    verify.run().success();
    let again = salvage().arg(&broken).arg(&out).run();
    again.failure(1, "file exists");
    let nothing = write(dir.path(), "text", &[b'x'; 40_000]);
    let run = salvage().arg(nothing).arg(dir.path().join("none")).run();
    run.failure(10, "no record of etcd was found");
    salvage()
        .arg(&broken)
        .run()
        .failure(128, "exactly two arguments");
}
