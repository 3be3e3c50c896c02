//! Who may open a database, and when: the lock, leftover files, and names that change while a file is being opened.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use etcd_maintenance::bolt::{Batch, Db, Error, FileReader};

use super::support::{Change, Model, assert_same, assert_sound, dump, small};

fn put(db: &Db, model: &mut Model, key: &str, len: usize) {
    let mut c = Change::new(model);
    c.put("key", key, vec![7; len]);
    db.commit(&c.batch).unwrap();
}

/// The second opener fails at once with an error that names the file, and succeeds after the first has closed it.
#[test]
fn a_second_opener_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let db = Db::open(&path, small(4096)).unwrap();
    let e = Db::open(&path, small(4096)).map(|_| ()).unwrap_err();
    assert!(matches!(e, Error::Locked { .. }), "{e}");
    assert!(e.to_string().contains(&path.display().to_string()), "{e}");
    let e = FileReader::open(&path).unwrap().lock_shared().unwrap_err();
    assert!(matches!(e, Error::Locked { .. }), "{e}");
    // A clone and a reader share the database, which is open as long as one of them exists.
    let (clone, reader) = (db.clone(), db.read());
    drop(db);
    assert!(matches!(
        Db::open(&path, small(4096)).map(|_| ()),
        Err(Error::Locked { .. })
    ));
    drop((clone, reader));
    assert_sound(&Db::open(&path, small(4096)).unwrap(), "afterwards");
}

/// A defragmentation changes the inode of the file. Neither the new nor the old file can be locked by another process,
/// not even by one that opened the old one before.
#[test]
fn the_lock_survives_a_defragmentation() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let db = Db::open(&path, small(4096)).unwrap();
    let mut model = Model::default();
    put(&db, &mut model, "a", 100_000);
    let waiting = fs::File::open(&path).unwrap();
    let old = waiting.metadata().unwrap();
    db.defragment().unwrap();
    assert_ne!(fs::metadata(&path).unwrap().ino(), old.ino());
    assert!(
        waiting.try_lock().is_err(),
        "the replaced file is not locked any more"
    );
    assert!(matches!(
        Db::open(&path, small(4096)).map(|_| ()),
        Err(Error::Locked { .. })
    ));
    put(&db, &mut model, "b", 10);
    assert_sound(&db, "after the defragmentation");
    drop(db);
    // A process that waited finally gets a file that is not a database, so it cannot mistake it for one.
    waiting.try_lock().unwrap();
    assert!(
        waiting.metadata().unwrap().len() <= 2 * 4096,
        "the space of the old file was not given back"
    );
    let copy = dir.path().join("stale");
    fs::write(&copy, {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut &waiting, &mut bytes).unwrap();
        bytes
    })
    .unwrap();
    assert!(matches!(
        FileReader::open(&copy).map(|_| ()),
        Err(Error::NotBolt { .. })
    ));
    let db = Db::open(&path, small(4096)).unwrap();
    assert_same(&dump(&db.read()), &model, "at the end");
    assert_sound(&db, "at the end");
}

/// Each defragmentation keeps the file that it replaces open, but only a bounded number of them.
#[test]
fn descriptors_of_replaced_files_do_not_accumulate() {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(dir.path().join("db"), small(4096)).unwrap();
    let mut model = Model::default();
    put(&db, &mut model, "a", 10_000);
    let open = || {
        let descriptors = fs::read_dir("/proc/self/fd").unwrap();
        let targets = descriptors.filter_map(|fd| fs::read_link(fd.ok()?.path()).ok());
        targets
            .filter(|target| target.starts_with(dir.path()))
            .count()
    };
    let mut most = 0;
    for _ in 0..20 {
        db.defragment().unwrap();
        most = most.max(open());
    }
    let at_the_end = open();
    assert_eq!(
        at_the_end, most,
        "the number of descriptors has a bound, and it was reached"
    );
    for _ in 0..20 {
        db.defragment().unwrap();
    }
    assert_eq!(open(), at_the_end);
    assert_same(&dump(&db.read()), &model, "at the end");
}

/// A hard link to the database may be a copy: a defragmentation does not change it.
#[test]
fn a_hard_link_keeps_its_contents() {
    let dir = tempfile::tempdir().unwrap();
    let (path, link) = (dir.path().join("db"), dir.path().join("copy"));
    let db = Db::open(&path, small(4096)).unwrap();
    let mut model = Model::default();
    put(&db, &mut model, "a", 50_000);
    fs::hard_link(&path, &link).unwrap();
    db.defragment().unwrap();
    assert_same(&super::support::dump_file(&link), &model, "the link");
    assert_sound(&db, "the database");
}

/// Readers from before a defragmentation keep their state, and their file is freed when they end.
#[test]
fn readers_outlive_a_defragmentation() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let db = Db::open(&path, small(4096)).unwrap();
    let mut model = Model::default();
    for i in 0..50 {
        put(&db, &mut model, &format!("{i:03}"), 3000);
    }
    let reader = db.read();
    let mut snapshot = reader.snapshot();
    let then = model.clone();
    for _ in 0..3 {
        db.defragment().unwrap();
        for i in 0..50 {
            put(&db, &mut model, &format!("{i:03}"), 2000);
        }
    }
    assert_same(&dump(&reader), &then, "the old reader");
    let copy = dir.path().join("copy");
    let mut bytes = vec![0; snapshot.len() as usize];
    assert_eq!(snapshot.read_chunk(&mut bytes).unwrap(), bytes.len());
    assert_eq!(snapshot.remaining(), 0);
    fs::write(&copy, bytes).unwrap();
    assert_same(&super::support::dump_file(&copy), &then, "the snapshot");
    drop((reader, snapshot));
    assert_same(&dump(&db.read()), &model, "the new state");
    assert_sound(&db, "the new state");
}

/// Leftovers of killed processes are removed, other files are kept; modes are private.
#[test]
fn leftovers_are_removed_and_modes_are_private() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("new/one/db");
    drop(Db::open(&path, small(4096)).unwrap());
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert_eq!(
        fs::metadata(path.parent().unwrap())
            .unwrap()
            .permissions()
            .mode()
            & 0o777,
        0o700
    );
    for name in ["db.tmp-defrag", "db.tmp1234", "db.other", "dbx"] {
        fs::write(path.with_file_name(name), "x").unwrap();
    }
    let db = Db::open(&path, small(4096)).unwrap();
    let mut names: Vec<_> = fs::read_dir(path.parent().unwrap())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["db", "db.other", "dbx"]);
    assert_sound(&db, "afterwards");
}

/// A file that is not a database is rejected with an error and left unchanged. An empty file is the remains of a
/// damaged one.
#[test]
fn files_that_are_not_databases_are_refused_and_left_unchanged() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    fs::write(&path, "").unwrap();
    let e = Db::open(&path, small(4096)).map(|_| ()).unwrap_err();
    assert!(matches!(e, Error::Corrupt { .. }), "{e}");
    assert!(e.to_string().contains("db: the file is empty"), "{e}");
    assert_eq!(fs::metadata(&path).unwrap().len(), 0);
    for contents in [&b"text"[..], &[0; 50_000], &[0xff; 9000]] {
        fs::write(&path, contents).unwrap();
        let e = Db::open(&path, small(4096)).map(|_| ()).unwrap_err();
        assert!(matches!(e, Error::NotBolt { .. }), "{e}");
        assert!(e.to_string().contains(&path.display().to_string()), "{e}");
        assert_eq!(fs::read(&path).unwrap(), contents);
    }
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(Db::open(&path, small(4096)).is_err());
}

/// Two processes open a database that does not exist: one creates it, and the other finds it locked.
#[test]
fn two_processes_that_create_one_database() {
    for _ in 0..100 {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        let opened: Vec<_> = std::thread::scope(|s| {
            let threads: Vec<_> = (0..4)
                .map(|_| s.spawn(|| Db::open(&path, small(4096))))
                .collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        let good: Vec<_> = opened.iter().filter_map(|r| r.as_ref().ok()).collect();
        assert_eq!(good.len(), 1);
        for refused in opened.iter().filter_map(|r| r.as_ref().err()) {
            assert!(matches!(refused, Error::Locked { .. }), "{refused}");
        }
        let mut batch = Batch::new();
        batch.put(b"key", "k", "v").unwrap();
        good[0].commit(&batch).unwrap();
        assert_eq!(
            fs::read_dir(dir.path()).unwrap().count(),
            1,
            "a file lies about"
        );
        assert_sound(good[0], "the one");
    }
}

/// Pages that a reader can see are not reused; pages between two readers are.
#[test]
fn pages_between_two_readers_are_used_again() {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(dir.path().join("db"), small(4096)).unwrap();
    let mut model = Model::default();
    put(&db, &mut model, "a", 100);
    let old = db.read();
    let then = model.clone();
    for i in 0..200 {
        put(&db, &mut model, "b", 20_000 + i);
    }
    let total = db.sizes().total;
    assert!(
        total < 40 * 20_000,
        "{total} bytes: nothing between the old reader and now was used again"
    );
    assert_same(&dump(&old), &then, "the old reader");
    drop(old);
    put(&db, &mut model, "b", 1);
    let sizes = db.sizes();
    assert!(
        sizes.in_use < 10 * 4096,
        "{sizes:?}: pages of readers that have ended are not free"
    );
    assert_sound(&db, "at the end");
}

/// Writes to a file that has been replaced or removed would be lost at the next start. The engine detects this, refuses
/// further writes, and overwrites nobody's file.
#[test]
fn a_replaced_file_is_not_written_to_any_more() {
    type Replace = fn(&std::path::Path);
    let ways: [(&str, Replace); 3] = [
        ("renamed over", |path| {
            let other = path.with_file_name("other");
            fs::copy(path, &other).unwrap();
            fs::rename(&other, path).unwrap();
        }),
        ("removed", |path| fs::remove_file(path).unwrap()),
        ("removed with its directory", |path| {
            fs::remove_dir_all(path.parent().unwrap()).unwrap();
        }),
    ];
    for (way, replace) in ways {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("data/db");
        let db = Db::open(&path, small(4096)).unwrap();
        let mut model = Model::default();
        put(&db, &mut model, "a", 100);
        db.check_path().unwrap();
        db.defragment().unwrap();
        db.check_path().unwrap();
        replace(&path);
        let there = fs::read(&path).ok();
        let mut batch = Batch::new();
        batch.put(b"key", "b", "1").unwrap();
        let e = db.claim(batch.bytes(), batch.ops()).unwrap_err();
        assert!(matches!(e, Error::Replaced { .. }), "{way}: {e}");
        assert!(e.to_string().contains("replaced or removed"), "{way}: {e}");
        // From then on, everything is refused with that cause.
        for e in [
            db.commit(&batch).map(drop).unwrap_err(),
            db.defragment().map(drop).unwrap_err(),
        ] {
            assert!(matches!(e, Error::Latched { .. }), "{way}: {e}");
            assert!(e.to_string().contains("replaced or removed"), "{way}: {e}");
        }
        assert_same(&dump(&db.read()), &model, way);
        assert!(fs::read(&path).ok() == there, "{way}: the new file changed");
    }
}

/// The same if nobody checks before the commit, or before a defragmentation.
#[test]
fn a_commit_and_a_defragmentation_notice_a_replaced_file_themselves() {
    for defragment in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        let db = Db::open(&path, small(4096)).unwrap();
        put(&db, &mut Model::default(), "a", 100);
        fs::rename(&path, path.with_file_name("away")).unwrap();
        fs::write(&path, "somebody's").unwrap();
        let mut batch = Batch::new();
        batch.put(b"key", "b", "1").unwrap();
        let e = match defragment {
            true => db.defragment().map(drop).unwrap_err(),
            false => db.commit(&batch).map(drop).unwrap_err(),
        };
        assert!(matches!(e, Error::Replaced { .. }), "{e}");
        assert_eq!(fs::read(&path).unwrap(), b"somebody's");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }
}
