//! The sizes of files as seen by clients: that of a new database, and the size that is compared with the quota.

use etcd_maintenance::bolt::{Batch, Db, Options};
use tempfile::tempdir;

use super::support::{Change, Model, assert_same, assert_sound, dump, small};

/// etcd's buckets with little content fit into the page of the tree of buckets, where bbolt stores them: a new database
/// of etcd has 20,480 bytes.
#[test]
fn a_fresh_database_is_as_small_as_etcds() {
    let dir = tempdir().unwrap();
    let db = Db::open(dir.path().join("db"), small(4096)).unwrap();
    let mut model = Model::default();
    let mut c = Change::new(&mut model);
    let names = [
        "alarm",
        "auth",
        "authRoles",
        "authUsers",
        "cluster",
        "key",
        "lease",
        "members",
        "members_removed",
        "meta",
    ];
    for name in names {
        c.create_bucket(name);
    }
    for i in 0..4 {
        c.put("meta", format!("consistent_index {i}"), vec![1; 8]);
        c.put("members", format!("8e9e05c52164694d {i}"), vec![b'{'; 150]);
    }
    db.claim(c.batch.bytes(), c.batch.ops()).unwrap();
    let sizes = db.commit(&c.batch).unwrap();
    assert!(sizes.total <= 20_480, "{sizes:?}");
    assert_sound(&db, "fresh");
    // Small puts reuse the pages freed by earlier ones.
    for n in 0..200u32 {
        let mut c = Change::new(&mut model);
        c.put("key", (n % 20).to_be_bytes(), vec![b'v'; 10]);
        c.put("meta", "consistent_index 0", n.to_be_bytes().to_vec());
        db.claim(c.batch.bytes(), c.batch.ops()).unwrap();
        db.commit(&c.batch).unwrap();
    }
    let sizes = db.sizes();
    assert!(sizes.total <= 32_768, "{sizes:?}");
    assert_same(&dump(&db.read()), &model, "after 200 puts");
    assert_sound(&db, "after 200 puts");
    let sizes = db.defragment().unwrap();
    assert!(sizes.total <= 16_384, "{sizes:?}");
    assert_same(&dump(&db.read()), &model, "defragmented");
    assert_sound(&db, "defragmented");
}

/// A bucket moves out of its entry when it grows beyond a quarter of a page, and back when it shrinks.
#[test]
fn buckets_are_stored_inline_while_they_are_small() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("db");
    let db = Db::open(&path, small(1024)).unwrap();
    let in_use = |batch: &Batch| {
        db.commit(batch).unwrap();
        assert_sound(&db, "a step");
        db.sizes().in_use / 1024
    };
    let mut batch = Batch::new();
    // Header, element, key and value: 16 + 16 + 1 + 223 = 256 bytes.
    batch.put(b"b", "k", vec![1; 223]).unwrap();
    assert_eq!(in_use(&batch), 3);
    let mut batch = Batch::new();
    batch.put(b"b", "k", vec![1; 224]).unwrap();
    assert_eq!(in_use(&batch), 4);
    let mut batch = Batch::new();
    batch.put(b"b", "k", vec![2; 223]).unwrap();
    assert_eq!(in_use(&batch), 3);
    let mut batch = Batch::new();
    for i in 0..100 {
        batch.put(b"b", format!("{i:03}"), vec![3; 100]).unwrap();
    }
    assert!(in_use(&batch) > 12);
    let mut batch = Batch::new();
    for i in 1..100 {
        batch.delete(b"b", format!("{i:03}")).unwrap();
    }
    batch.delete(b"b", "k").unwrap();
    assert_eq!(in_use(&batch), 3);
    let mut batch = Batch::new();
    batch.delete(b"b", "000").unwrap();
    assert_eq!(in_use(&batch), 3);
    assert!(
        db.read()
            .bucket(b"b")
            .unwrap()
            .unwrap()
            .last()
            .unwrap()
            .is_none()
    );
    drop(db);
    let db = Db::open(&path, Options::default()).unwrap();
    assert_sound(&db, "opened again");
}
