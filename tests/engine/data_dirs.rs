//! Data directories of stopped members, migrated and defragmented: etcdutl's own answers on the same directories.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use etcd_maintenance::snapshot::{
    self, SnapshotFile,
    data_dir::{TargetVersion, defragment, migrate},
    dump,
};
use serde_json::{Value, json};

use crate::fixture_data::{Scratch, bytes, expected};

/// Writes out the directory of a tree of the fixtures.
fn unpack(tree: &str, entry: &Value, dir: &Path) -> PathBuf {
    for (name, file) in entry["files"].as_object().unwrap() {
        let base = name.rsplit('/').next().unwrap();
        // Of several raft snapshots only the newest one is kept in the fixtures.
        let stored = format!("trees/{tree}.{base}");
        let there = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/data/fixtures")
            .join(format!("{stored}.gz"));
        if !there.exists() {
            continue;
        }
        let path = dir.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes(&stored)).unwrap();
        let file = (
            fs::File::options().write(true).open(&path).unwrap(),
            &file["size"],
        );
        file.0.set_len(file.1.as_u64().unwrap()).unwrap();
    }
    dir.to_owned()
}

/// Calls `check` for each tree with a function that unpacks it to a new directory.
fn each(check: impl Fn(&str, &Value, &dyn Fn() -> PathBuf)) {
    let (expected, scratch) = (expected(), Scratch::new());
    for (tree, entry) in expected["trees"].as_object().unwrap() {
        let fresh = || {
            let dir = scratch.path(tree);
            let _ = fs::remove_dir_all(&dir);
            unpack(tree, entry, &dir)
        };
        check(tree, entry, &fresh);
        fs::remove_dir_all(scratch.path(tree)).unwrap();
    }
}

const TIMEOUT: Option<Duration> = Some(Duration::from_secs(10));

#[test]
fn migrations_end_as_etcdutls_do() {
    each(|tree, entry, fresh| {
        for (target, theirs) in entry["migrate"]["3.7"].as_object().unwrap() {
            let what = format!("{tree} to {target}: {theirs}");
            let dir = fresh();
            let version = TargetVersion::parse(target);
            let done = version.map_err(|e| e.to_string()).and_then(|version| {
                migrate(&dir, version, false, TIMEOUT, &mut |_| {}).map_err(|e| e.to_string())
            });
            match theirs["error"].as_str() {
                Some(error) => {
                    let ours = done.map(drop).unwrap_err();
                    assert_eq!(Some(&ours[..]), error.strip_prefix("Error: "), "{what}");
                }
                None => drop(done.unwrap_or_else(|e| panic!("{what}: {e}"))),
            }
            let status = snapshot::status(dir.join("member/snap/db")).unwrap();
            let after = theirs["storage_version_after"].as_str().unwrap_or_default();
            assert_eq!(status.version, after, "{what}");
        }
    });
}

#[test]
fn defragmented_databases_have_the_hash_of_etcdutls() {
    each(|tree, entry, fresh| {
        let theirs = &entry["defrag"]["3.7"];
        assert_eq!(theirs["result"], "ok", "{tree}");
        let dir = fresh();
        let before = snapshot::hash_kv(dir.join("member/snap/db"), 0).unwrap();
        defragment(&dir, TIMEOUT, &mut |_| {}).unwrap();
        let status = snapshot::status(dir.join("member/snap/db")).unwrap();
        // etcd-dump-db's hash, which skips the consistent index and the term.
        let hash = dump::backend_hash(&SnapshotFile::open(dir.join("member/snap/db")).unwrap());
        assert_eq!(json!(hash.unwrap()), theirs["hash_after"], "{tree}");
        // Ours is at most as large: small buckets are stored inline.
        let size = theirs["total_size_after"].as_i64().unwrap();
        assert!(
            status.total_size <= size,
            "{tree}: {} of {size}",
            status.total_size
        );
        assert_eq!(
            snapshot::hash_kv(dir.join("member/snap/db"), 0).unwrap(),
            before
        );
    });
}
