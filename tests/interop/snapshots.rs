//! Snapshots across the two: theirs through our `snapshot status`, ours through their tools, ours restored by their
//! tools into a running etcd that holds the same keys and the same hash.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::etcd::{self, Release};
use crate::support::program::{Program, scratch};
use crate::support::server::{Launch, Server};

/// Keys with several versions, deleted ones, bytes that are no text, a compaction in the middle: 5 live keys of
/// 100 that were, and revisions on both sides of the compaction.
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
        // As their client saves it, and as ours does: with 3.4 behind it there is no version to be had.
        let (by_theirs, by_ours) = (dir.path().join("theirs.db"), dir.path().join("ours.db"));
        save(&theirs, server.endpoint(), &by_theirs);
        save(&Program::etcdctl(), server.endpoint(), &by_ours);
        for file in [&by_theirs, &by_ours] {
            // Read first by ours, which must leave the file as it was.
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

/// A `serve` with the test's data in it, and a snapshot of it.
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

    /// A copy for one tool alone: some of etcd's write into what they read.
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
        // The inspector takes the digest behind the last page for nothing, as etcd's restore does.
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
        // It is alive, not only readable.
        etcdctl
            .arg(format!("--endpoints={}", restored.endpoint()))
            .args(["put", "after", "restore"])
            .run()
            .success();
    }
}
