//! Snapshots across programs: etcd's read by our `snapshot status`, ours read by etcd's tools, and ours restored by
//! etcd's tools into a running etcd with the same keys and the same hash.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::etcd::{self, Release};
use crate::support::program::{Program, scratch};
use crate::support::server::{Launch, Server};

/// Keys with several versions, deleted keys, bytes that are not text, and a compaction in the middle: 5 live keys of
/// 100 created ones, and revisions on both sides of the compaction.
fn populate(etcdctl: &Program, endpoint: &str) {
    let at = etcdctl.clone().arg(format!("--endpoints={endpoint}"));
    let put = |key: &str, value: Vec<u8>| {
        at.clone()
            .args(["put", "--", key])
            .stdin(value)
            .run()
            .success();
    };
    for i in 0..10_u32 {
        put(&format!("key/{}", i % 5), vec![b'a' + i as u8; 3000]);
    }
    put("binary", (0..=255_u8).collect());
    put("gone", b"soon".to_vec());
    at.clone().args(["del", "gone"]).run().success();
    at.clone().args(["compaction", "6"]).run().success();
    put("key/1", b"last".to_vec());
    at.clone().args(["del", "key/4"]).run().success();
}

/// The live keys of `populate`: `key/0` to `key/3` and `binary`.
const LIVE: i64 = 5;

fn save(etcdctl: &Program, endpoint: &str, file: &Path) {
    etcdctl
        .clone()
        .arg(format!("--endpoints={endpoint}"))
        .args(["snapshot", "save"])
        .arg(file)
        .run()
        .success();
}

#[track_caller]
fn status(tool: &Program, file: &Path) -> Value {
    tool.clone()
        .args(["snapshot", "status", "-w", "json"])
        .arg(file)
        .run()
        .success()
        .json()
}

/// All keys and values, and the hash up to `revision`.
fn contents(etcdctl: &Program, endpoint: &str, revision: i64) -> (Value, Value) {
    let at = etcdctl.clone().arg(format!("--endpoints={endpoint}"));
    let keys = at
        .clone()
        .args(["get", "", "--prefix", "-w", "json"])
        .run()
        .success()
        .json()["kvs"]
        .take();
    let hash = at
        .clone()
        .args(["endpoint", "hashkv", "-w", "json"])
        .arg(format!("--rev={revision}"))
        .run()
        .success()
        .json()[0]["HashKV"]["hash"]
        .take();
    (keys, hash)
}

#[test]
fn our_status_of_their_snapshots_is_their_status() {
    for release in Release::ALL {
        let (Some(launch), Some(theirs)) = (etcd::server(release), etcd::etcdctl(release)) else {
            continue;
        };
        let Some(reference) = etcd::etcdutl(Release::V3_7) else {
            continue;
        };
        let server = launch.start();
        populate(&theirs, server.endpoint());
        let dir = scratch();
        // Saved by their client and by ours; a 3.4 server does not report its version.
        let (by_theirs, by_ours) = (dir.path().join("theirs.db"), dir.path().join("ours.db"));
        save(&theirs, server.endpoint(), &by_theirs);
        save(&Program::etcdctl(), server.endpoint(), &by_ours);
        for file in [&by_theirs, &by_ours] {
            // First read it with ours, which must leave the file unchanged.
            let before = fs::read(file).expect("the snapshot can be read");
            let ours = status(&Program::etcdutl(), file);
            assert!(
                before == fs::read(file).expect("the snapshot can be read"),
                "the file changed"
            );
            assert_eq!(ours, status(&reference, file), "etcd {release}");
            assert_eq!(ours["totalKey"], LIVE, "etcd {release}: {ours}");
            assert_eq!(ours["revision"], 16, "etcd {release}: {ours}");
        }
    }
}

/// A `serve` with the test's data, and a snapshot of it.
struct Saved {
    server: Server,
    dir: tempfile::TempDir,
}

impl Saved {
    fn new() -> Self {
        let server = Launch::serve().start();
        populate(&Program::etcdctl(), server.endpoint());
        let dir = scratch();
        save(
            &Program::etcdctl(),
            server.endpoint(),
            &dir.path().join("backup.db"),
        );
        Self { server, dir }
    }

    /// A separate copy for one tool, because some of etcd's write to what they read.
    fn copy(&self, name: &str) -> PathBuf {
        let copy = self.dir.path().join(format!("{name}.db"));
        fs::copy(self.dir.path().join("backup.db"), &copy).expect("the snapshot can be copied");
        copy
    }
}

#[test]
fn their_status_of_our_snapshot_is_our_status() {
    let saved = Saved::new();
    let ours = status(&Program::etcdutl(), &saved.copy("ours"));
    if let Some(reference) = etcd::etcdutl(Release::V3_7) {
        assert_eq!(status(&reference, &saved.copy("3.7")), ours);
    }
    let older = [
        etcd::etcdutl(Release::V3_5),
        etcd::etcdctl(Release::V3_5),
        etcd::etcdctl(Release::V3_4),
    ];
    for tool in older.into_iter().flatten() {
        let theirs = status(&tool, &saved.copy("older"));
        for field in ["hash", "revision", "totalSize"] {
            assert!(ours[field].is_u64(), "{ours}");
            assert_eq!(theirs[field], ours[field], "{tool}: {field}");
        }
    }
    if let Some(bbolt) = etcd::find("bbolt") {
        let file = saved.copy("check");
        // Like etcd's restore, the tool ignores the digest after the last page.
        let checked = Program::new(bbolt).arg("check").arg(&file).run().success();
        assert!(checked.out().contains("OK"), "{checked}");
    }
}

#[test]
fn our_snapshot_restored_by_their_tools_is_a_running_etcd_with_the_same_hash() {
    let saved = Saved::new();
    let restorers = [
        (Release::V3_4, etcd::etcdctl(Release::V3_4)),
        (Release::V3_5, etcd::etcdutl(Release::V3_5)),
        (Release::V3_7, etcd::etcdutl(Release::V3_7)),
    ];
    for (release, tool) in restorers {
        let (Some(tool), Some(launch)) = (tool, etcd::server(release)) else {
            continue;
        };
        let Some(etcdctl) = etcd::etcdctl(Release::V3_7) else {
            continue;
        };
        let data = saved.dir.path().join(format!("restored-{release}"));
        tool.args(["snapshot", "restore"])
            .arg(saved.copy("restore"))
            .arg(format!("--data-dir={}", data.display()))
            .run()
            .success();
        let restored = launch.data_dir(&data).start();
        let revision = 16;
        let (keys, hash) = contents(&etcdctl, saved.server.endpoint(), revision);
        let (their_keys, their_hash) = contents(&etcdctl, restored.endpoint(), revision);
        assert_eq!(keys.as_array().map(Vec::len), Some(LIVE as usize));
        assert_eq!(their_keys, keys, "etcd {release}");
        assert!(hash.is_u64(), "{hash}");
        assert_eq!(their_hash, hash, "etcd {release}");
        // It accepts writes, not only reads.
        etcdctl
            .arg(format!("--endpoints={}", restored.endpoint()))
            .args(["put", "after", "restore"])
            .run()
            .success();
    }
}

/// Restores a snapshot written by our own server with our own tool.
fn restore(snapshot: &Path, data: &Path) -> Program {
    Program::etcdutl()
        .args(["snapshot", "restore"])
        .arg(snapshot)
        .arg(format!("--data-dir={}", data.display()))
}

#[test]
fn restored_directories_start_every_release_of_etcd() {
    let saved = Saved::new();
    for release in Release::ALL {
        let (Some(launch), Some(etcdctl)) = (etcd::server(release), etcd::etcdctl(Release::V3_7))
        else {
            continue;
        };
        let data = saved.dir.path().join(format!("by-us-{release}"));
        restore(&saved.dir.path().join("backup.db"), &data)
            .arg(format!("--target={release}"))
            .run()
            .success();
        let restored = launch.data_dir(&data).start();
        let (keys, hash) = contents(&etcdctl, saved.server.endpoint(), 16);
        let (their_keys, their_hash) = contents(&etcdctl, restored.endpoint(), 16);
        assert_eq!(keys.as_array().map(Vec::len), Some(LIVE as usize));
        assert_eq!(their_keys, keys, "etcd {release}");
        assert_eq!(their_hash, hash, "etcd {release}");
        let at = etcdctl.arg(format!("--endpoints={}", restored.endpoint()));
        at.clone().args(["put", "after", "restore"]).run().success();
        // It starts again with what has been written since.
        let restored = restored.restart();
        let at = etcd::etcdctl(Release::V3_7)
            .expect("it was there")
            .arg(format!("--endpoints={}", restored.endpoint()));
        let after = at
            .args(["get", "after", "--print-value-only"])
            .run()
            .success();
        assert_eq!(after.out(), "restore\n", "etcd {release}");
    }
}

/// Snapshots of older releases, restored without a target, as in an upgrade.
#[test]
fn snapshots_of_every_release_are_restored_for_the_same_release() {
    for release in Release::ALL {
        let (Some(launch), Some(theirs)) = (etcd::server(release), etcd::etcdctl(release)) else {
            continue;
        };
        let server = launch.start();
        populate(&theirs, server.endpoint());
        let dir = scratch();
        let file = dir.path().join("backup.db");
        save(&theirs, server.endpoint(), &file);
        let data = dir.path().join("restored");
        let said = restore(&file, &data).run().success();
        assert!(
            said.err().contains("\tadded member\t{\"cluster-id\": "),
            "{said}"
        );
        assert_eq!(said.out(), "");
        let restored = launch.data_dir(&data).start();
        let (keys, hash) = contents(&theirs, server.endpoint(), 16);
        assert_eq!(contents(&theirs, restored.endpoint(), 16), (keys, hash));
    }
}

#[test]
fn directories_restored_for_serve_are_served() {
    let saved = Saved::new();
    let data = saved.dir.path().join("served");
    restore(&saved.dir.path().join("backup.db"), &data)
        .arg("--for-serve")
        .run()
        .success();
    let restored = Launch::serve().data_dir(&data).start();
    let etcdctl = Program::etcdctl();
    assert_eq!(
        contents(&etcdctl, restored.endpoint(), 16),
        contents(&etcdctl, saved.server.endpoint(), 16)
    );
    etcdctl
        .arg(format!("--endpoints={}", restored.endpoint()))
        .args(["put", "after", "restore"])
        .run()
        .success();
}

/// Directories of real members that we have defragmented and migrated can be started again.
#[test]
fn a_stopped_members_directory_survives_our_defrag_and_migrate() {
    let (Some(launch), Some(theirs)) = (etcd::server(Release::V3_7), etcd::etcdctl(Release::V3_7))
    else {
        return;
    };
    let dir = scratch();
    let data = dir.path().join("data");
    let launch = launch.data_dir(&data);
    let mut server = launch.start();
    populate(&theirs, server.endpoint());
    let before = contents(&theirs, server.endpoint(), 16);
    let at_data = format!("--data-dir={}", data.display());
    // While the member is running, the tool waits for the lock until its timeout, and changes nothing.
    let refused = Program::etcdutl()
        .args(["defrag", "--timeout=100ms", &at_data])
        .run();
    refused.failure(1, "the database is locked: another process has it open");
    server.terminate();
    let defragged = Program::etcdutl()
        .args(["defrag", &at_data])
        .run()
        .success();
    assert!(
        defragged
            .err()
            .contains("\tfinished defragmenting directory\t{"),
        "{defragged}"
    );
    let migrate = |to: &str| {
        let to = format!("--target-version={to}");
        Program::etcdutl().args(["migrate", &at_data, &to]).run()
    };
    migrate("3.6")
        .success()
        .failure(0, "updated storage version");
    migrate("3.8").failure(1, "version \"3.8.0\" is not supported");
    migrate("3.7").success();
    migrate("3.7").success().failure(
        0,
        "storage version up-to-date\t{\"storage-version\": \"3.7\"}",
    );
    let server = launch.start();
    assert_eq!(contents(&theirs, server.endpoint(), 16), before);
}
