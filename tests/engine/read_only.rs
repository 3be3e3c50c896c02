//! Databases opened read-only: what they show, who else may open them, and that nothing is ever written.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use etcd_maintenance::bolt::{Db, Error, ReadOnly};
use sha2::{Digest, Sha256};

use super::support::{Change, Model, assert_same, dump, small};
use super::system::small_disk::SmallDisk;

/// Creates and closes a database with some history at `path`.
fn make(path: &Path) -> Model {
    let mut model = Model::default();
    let db = Db::open(path, small(4096)).unwrap();
    for round in 0..5 {
        let mut c = Change::new(&mut model);
        for i in 0..100 {
            c.put("key", format!("{i:03}"), vec![round; 300]);
        }
        c.put("meta", "round", vec![round]);
        db.commit(&c.batch).unwrap();
    }
    model
}

fn open_error(path: &Path) -> Error {
    ReadOnly::open(path).map(drop).unwrap_err()
}

#[test]
fn it_shows_the_last_state_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let model = make(&path);
    let sizes = Db::open(&path, small(4096)).unwrap().sizes();
    let before = (fs::read(&path).unwrap(), fs::metadata(&path).unwrap());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
    {
        let db = ReadOnly::open(&path).unwrap();
        assert_same(&dump(&db.read()), &model, "the database");
        assert_eq!(db.sizes().unwrap(), sizes);
        let mut snapshot = Vec::new();
        db.read().write_to(&mut snapshot).unwrap();
        assert_eq!(snapshot.len() as u64, sizes.total);
    }
    let after = (fs::read(&path).unwrap(), fs::metadata(&path).unwrap());
    assert!(before.0 == after.0, "it was written to");
    assert_eq!(before.1.mtime_nsec(), after.1.mtime_nsec());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn readers_share_a_file_and_a_writer_excludes_them() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let model = make(&path);
    let one = ReadOnly::open(&path).unwrap();
    let two = ReadOnly::open(&path).unwrap();
    let writer = Db::open(&path, small(4096)).map(drop).unwrap_err();
    assert!(matches!(writer, Error::Locked { .. }), "{writer}");
    let held = one.read();
    drop((one, two));
    // A view keeps the file open, and therefore locked.
    let writer = Db::open(&path, small(4096)).map(drop).unwrap_err();
    assert!(matches!(writer, Error::Locked { .. }), "{writer}");
    assert_same(&dump(&held), &model, "the view");
    drop(held);
    let db = Db::open(&path, small(4096)).unwrap();
    let e = open_error(&path);
    assert!(matches!(e, Error::Locked { .. }), "{e}");
    drop(db);
    ReadOnly::open(&path).unwrap();
}

#[test]
fn a_missing_database_is_not_created() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("new/db");
    let Error::Io { source, .. } = open_error(&path) else {
        panic!("another error")
    };
    assert_eq!(source.kind(), std::io::ErrorKind::NotFound);
    assert!(!path.parent().unwrap().exists());
    fs::create_dir(path.parent().unwrap()).unwrap();
    fs::write(&path, "").unwrap();
    let e = open_error(&path);
    assert!(matches!(e, Error::Corrupt { .. }), "{e}");
    assert!(e.to_string().contains("the file is empty"), "{e}");
    fs::write(&path, "text").unwrap();
    assert!(matches!(open_error(&path), Error::NotBolt { .. }));
    rustix::fs::mknodat(
        rustix::fs::CWD,
        path.with_file_name("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    let e = open_error(&path.with_file_name("pipe"));
    assert!(matches!(e, Error::NotBolt { .. }), "{e}");
}

/// A copied snapshot keeps its digest until something is written; a wrong digest counts as damage.
#[test]
fn the_digest_of_a_snapshot_is_checked_while_it_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let mut model = make(&dir.path().join("source"));
    let mut bytes = Vec::new();
    let source = ReadOnly::open(dir.path().join("source")).unwrap();
    source.read().write_to(&mut bytes).unwrap();
    let digest = Sha256::digest(&bytes);
    bytes.extend_from_slice(&digest);

    // A bit in a value, which no structural check could detect.
    let value = bytes.windows(100).position(|w| w == [4; 100]).unwrap();
    for flipped in [value, bytes.len() - 1] {
        let mut bad = bytes.clone();
        bad[flipped] ^= 1;
        fs::write(&path, &bad).unwrap();
        let errors = [
            open_error(&path),
            Db::open(&path, small(4096)).map(drop).unwrap_err(),
        ];
        for e in errors {
            assert!(matches!(e, Error::Corrupt { .. }), "{e}");
            assert!(e.to_string().contains("digest"), "{e}");
        }
        assert!(fs::read(&path).unwrap() == bad, "a refused file changed");
    }

    fs::write(&path, &bytes).unwrap();
    assert_same(
        &dump(&ReadOnly::open(&path).unwrap().read()),
        &model,
        "read",
    );
    // Opening alone changes nothing, so the digest is checked again next time.
    drop(Db::open(&path, small(4096)).unwrap());
    assert!(
        fs::read(&path).unwrap() == bytes,
        "opening changed the file"
    );
    let db = Db::open(&path, small(4096)).unwrap();
    let mut c = Change::new(&mut model);
    c.put("meta", "round", vec![9]);
    // Without a claim: the commit finds free pages and does not grow the file.
    db.commit(&c.batch).unwrap();
    drop(db);
    assert_eq!(fs::metadata(&path).unwrap().len() % 512, 0);
    assert_same(
        &dump(&ReadOnly::open(&path).unwrap().read()),
        &model,
        "changed",
    );
}

#[test]
fn a_read_only_or_full_file_system_is_enough() {
    let Some(disk) = SmallDisk::mount(4 << 20) else {
        return;
    };
    let path = disk.path().join("db");
    let model = make(&path);
    let _ballast = disk.leave_free(0);
    assert_same(
        &dump(&ReadOnly::open(&path).unwrap().read()),
        &model,
        "full",
    );
    disk.make_read_only();
    let db = ReadOnly::open(&path).unwrap();
    assert_same(&dump(&db.read()), &model, "read-only");
    db.sizes().unwrap();
}
