//! `etcdutl list-bucket`, `iterate-bucket`, `hash`, `scan-keys`, `meta` and `wal dump`, compared with the output of
//! etcd's tools etcd-dump-db and etcd-dump-logs for the same files.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use crate::support::fixtures::{bytes as fixture, expected, sha256};
use crate::support::program::Program;

fn etcdutl(args: &[&str], file: &Path) -> Program {
    Program::etcdutl().args(args).arg(file)
}

/// The words of a line, because the number of spaces in etcd's protobuf text varies between builds.
fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

#[test]
fn buckets_records_and_hashes_are_those_of_etcd_dump_db() {
    let (expected, dir) = (expected(), tempfile::tempdir().unwrap());
    for name in [
        "accounts-3.5.snapshot.db",
        "accounts-3.7.snapshot.db",
        "basic-3.4.snapshot.db",
        "basic-3.7.member.db",
        "checkpointed-3.7.snapshot.db",
        "cluster-3.7.snapshot.db",
        "rich-3.7.snapshot.db",
    ] {
        let theirs = &expected["files"][name]["dump_db"];
        let bytes = fixture(name);
        let path = dir.path().join(name);
        fs::write(&path, &bytes).unwrap();
        let buckets = etcdutl(&["list-bucket", "-w", "json"], &path)
            .run()
            .success();
        assert_eq!(
            buckets.json()["buckets"],
            theirs["list_bucket"]["buckets"],
            "{name}"
        );
        let hash = etcdutl(&["hash", "-w", "json"], &path).run().success();
        assert_eq!(hash.json()["hash"], theirs["hash"]["hash"], "{name}");
        for (bucket, answer) in theirs["iterate_bucket"].as_object().unwrap() {
            let run = etcdutl(&["iterate-bucket"], &path)
                .arg(bucket)
                .run()
                .success();
            let lines = run.stdout.iter().filter(|b| **b == b'\n').count();
            assert_eq!(answer["records"], lines, "{name} {bucket}");
            assert_eq!(
                answer["stdout_sha256"],
                sha256(&run.stdout),
                "{name} {bucket}"
            );
        }
        for (bucket, answer) in theirs["iterate_bucket_decode"].as_object().unwrap() {
            let run = etcdutl(&["iterate-bucket", "--decode"], &path)
                .arg(bucket)
                .run()
                .success();
            assert_eq!(
                answer["stdout_sha256"],
                sha256(&run.stdout),
                "{name} {bucket}"
            );
        }
        for (bucket, lines) in theirs["decoded"].as_object().unwrap() {
            let run = etcdutl(&["iterate-bucket", "--decode"], &path)
                .arg(bucket)
                .run()
                .success();
            let out = run.out();
            let ours: Vec<_> = out.lines().map(words).collect();
            let theirs: Vec<_> = lines
                .as_array()
                .unwrap()
                .iter()
                .map(|line| words(line.as_str().unwrap()))
                .collect();
            assert_eq!(ours, theirs, "{name} {bucket}");
        }
        assert!(fs::read(&path).unwrap() == bytes, "{name} was changed");
    }
}

#[test]
fn scans_find_what_etcd_dump_db_finds() {
    let (expected, dir) = (expected(), tempfile::tempdir().unwrap());
    let mut records = 0;
    for name in [
        "basic-3.7.member.db",
        "killed-3.7.member.db",
        "fragmented-3.7.snapshot.db",
        "basic-3.7-page1024.snapshot.db",
    ] {
        let answer = &expected["files"][name]["dump_db"]["scan_keys"];
        if answer["result"] != "ok" {
            continue;
        }
        let path = dir.path().join(name);
        fs::write(&path, fixture(name)).unwrap();
        let run = etcdutl(&["scan-keys"], &path).run().success();
        let lines = run.stdout.iter().filter(|b| **b == b'\n').count();
        assert_eq!(answer["records"], lines, "{name}");
        assert_eq!(answer["stdout_sha256"], sha256(&run.stdout), "{name}");
        let json = etcdutl(&["scan-keys", "-w", "json"], &path).run().success();
        assert_eq!(json.json()["records"].as_array().unwrap().len(), lines);
        records += lines;
    }
    assert!(records > 100, "{records}");
}

/// A data directory from the fixtures.
fn tree(name: &str, dir: &Path) -> PathBuf {
    let expected = expected();
    let data = dir.join(name);
    for (file, entry) in expected["trees"][name]["files"].as_object().unwrap() {
        let base = file.rsplit('/').next().unwrap();
        let path = data.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let packed = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join(format!("tests/data/fixtures/trees/{name}.{base}.gz"));
        if !packed.exists() {
            continue;
        }
        fs::write(&path, fixture(&format!("trees/{name}.{base}"))).unwrap();
        let file = File::options().write(true).open(&path).unwrap();
        file.set_len(entry["size"].as_u64().unwrap()).unwrap();
    }
    data
}

#[test]
fn logs_are_dumped_like_etcd_dump_logs() {
    let dir = tempfile::tempdir().unwrap();
    for (name, text, args) in [
        ("datadir-3.5", "3.6-from-snapshot", &[][..]),
        // 3.6 starts one entry after the given index, which was fixed in 3.7.
        ("datadir-3.5", "3.6-from-1", &["--start-index=2"]),
        ("datadir-3.5", "3.6-raw", &["--raw"]),
        ("datadir-3.7", "3.6-from-snapshot", &[]),
        ("datadir-3.7", "3.6-from-1", &["--start-index=2"]),
        ("datadir-3.7", "3.6-raw", &["--raw"]),
        ("two-segments-3.7", "3.6-from-snapshot", &[]),
        ("two-segments-3.7", "3.6-from-80", &["--start-index=81"]),
    ] {
        let data = dir.path().join(name);
        if !data.exists() {
            tree(name, dir.path());
        }
        let run = etcdutl(&["wal", "dump"], &data).args(args).run().success();
        let theirs = fixture(&format!("trees/{name}.dump-logs-{text}.txt"));
        let mut theirs = String::from_utf8_lossy(&theirs).into_owned();
        if let Some(index) = args.iter().find_map(|a| a.strip_prefix("--start-index=")) {
            let first = theirs.lines().next().unwrap().to_owned();
            theirs = theirs.replacen(
                &first,
                &format!("Start dumping log entries from index {index}."),
                1,
            );
        }
        for (i, (ours, theirs)) in run.out().lines().zip(theirs.lines()).enumerate() {
            assert_eq!(ours, theirs, "{name} {text}, line {}", i + 1);
        }
        assert_eq!(run.out(), theirs, "{name} {text}");
    }
    let data = dir.path().join("datadir-3.7");
    let puts = etcdutl(&["wal", "dump", "-w", "json", "--start-index=1"], &data)
        .arg("--entry-type=IRRPut")
        .run()
        .success()
        .json();
    let entries = puts["entries"].as_array().unwrap();
    assert!(entries.len() > 20, "{puts}");
    assert!(
        entries
            .iter()
            .all(|e| e["data"].as_str().unwrap().contains(" put:<"))
    );
    etcdutl(&["wal", "dump", "--entry-type=Nothing"], &data)
        .run()
        .failure(128, "\"Nothing\" is not a type of entry");
}

#[test]
fn damage_is_named_and_nothing_is_changed() {
    let dir = tempfile::tempdir().unwrap();
    let data = tree("datadir-3.7", dir.path());
    let segment = data.join("member/wal/0000000000000000-0000000000000000.wal");
    let mut bytes = fs::read(&segment).unwrap();
    bytes[12_515] ^= 0x10;
    fs::write(&segment, &bytes).unwrap();
    etcdutl(&["wal", "dump"], &data)
        .run()
        .failure(1, "record at byte 12504: its CRC is");
    // The raw form shows everything after the damage, too.
    let raw = etcdutl(&["wal", "dump", "--raw"], &data).run();
    assert!(raw.out().contains("Index:55 "), "{raw}");
    let raw = raw.failure(1, "the CRC of the record at byte 12504 does not match");
    assert_eq!(raw.err().lines().count(), 1, "{raw}");
    assert!(fs::read(&segment).unwrap() == bytes);

    let mut db = fixture("basic-3.7.snapshot.db");
    db[6 * 4096..7 * 4096].fill(0);
    let path = dir.path().join("hole");
    fs::write(&path, &db).unwrap();
    etcdutl(&["hash"], &path)
        .run()
        .failure(1, "page 6: its header says page 0");
    etcdutl(&["iterate-bucket"], &path)
        .arg("key")
        .run()
        .failure(1, "page 6: its header says page 0");
    // A scan skips what it cannot read.
    assert!(etcdutl(&["scan-keys"], &path).run().success().stdout.len() > 1000);
    etcdutl(&["iterate-bucket"], &path)
        .arg("nope")
        .run()
        .failure(1, "there is no bucket \"nope\"");
    etcdutl(&["list-bucket", "-w", "table"], &path)
        .run()
        .failure(4, "table not supported as output format");
    etcdutl(&["list-bucket"], Path::new("/nonexistent"))
        .run()
        .failure(1, "stat /nonexistent: no such file or directory");
    assert!(fs::read(&path).unwrap() == db);
    let meta = etcdutl(&["meta", "-w", "json"], &path)
        .run()
        .success()
        .json();
    assert_eq!(meta["pages"][0]["current"], true);
}
