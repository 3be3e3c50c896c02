//! Keys that only increase, one per commit, like revisions: the main content of an etcd file.

use etcd_maintenance::bolt::Db;
use tempfile::tempdir;

use super::support::{Change, Model, assert_same, assert_sound, dump, small};

#[test]
fn a_root_leaf_that_is_full_gets_a_neighbour() {
    let dir = tempdir().unwrap();
    let db = Db::open(dir.path().join("db"), small(4096)).unwrap();
    let mut model = Model::default();
    for i in 0..200_u32 {
        let mut change = Change::new(&mut model);
        change.put("key", i.to_be_bytes(), vec![b'v'; 3000]);
        let batch = change.batch;
        db.commit(&batch).unwrap();
        // With the second key the root becomes a branch. Its first element must have the key of the old leaf.
        assert_sound(&db, &format!("after {} keys", i + 1));
    }
    assert_same(&dump(&db.read()), &model, "at the end");
}
