//! Steps that fail because the disk is full or broken. Acknowledged writes remain, and nothing is written after a
//! failure that leaves the state of the disk in doubt.

use std::io::ErrorKind;
use std::sync::Arc;

use etcd_maintenance::bolt::{Db, Error};

use super::crash::{scratch, watched, workload};
use super::sim::{Keep, Recorder, Sim, Step};
use super::support::{Change, Model, Rng, assert_same, assert_sound, dump, small};

/// A small database with some history, and its content.
fn prepare(recorder: &Arc<Recorder>, path: &std::path::Path) -> (Db, Model) {
    let mut model = Model::default();
    let db = Db::open(path, watched(recorder)).unwrap();
    workload(
        &db,
        recorder,
        &mut Rng::new("faults", 11),
        &mut model,
        &mut Vec::new(),
    );
    (db, model)
}

fn change(model: &mut Model) -> etcd_maintenance::bolt::Batch {
    let mut c = Change::new(model);
    for i in 0..40 {
        c.put("key", format!("{:03}", i * 3), vec![9; 200]);
    }
    c.delete("key", "004");
    c.batch
}

/// Each step of a commit fails once with an I/O error. The commit fails, the engine refuses further writes and says
/// why, readers keep the old state, and after a restart and a power loss one of the two states is there.
#[test]
fn a_broken_disk_during_a_commit_latches() {
    let mut rng = Rng::new("broken disk", 12);
    for n in 0.. {
        let dir = scratch();
        let path = dir.path().join("db");
        let recorder = Recorder::new(dir.path());
        let (db, old) = prepare(&recorder, &path);
        let mut new = old.clone();
        let batch = change(&mut new);
        let before = recorder.len();
        let sizes = db.sizes();
        recorder.fail_at(before + n, ErrorKind::Other);
        let Err(e) = db.commit(&batch) else {
            // Every step of a commit has failed once.
            assert!(n >= 3, "a commit has only {n} steps");
            assert_same(&dump(&db.read()), &new, "at last");
            assert_sound(&db, "at last");
            return;
        };
        let when = format!("step {n} failed: {e}");
        assert!(matches!(e, Error::Io { .. }), "{when}");
        assert!(e.to_string().contains("db: "), "{when}");
        let refused = db.commit(&batch).unwrap_err();
        assert!(
            matches!(refused, Error::Latched { .. }),
            "{when}: {refused}"
        );
        assert!(
            refused.to_string().contains(&e.to_string()),
            "{when}: {refused}"
        );
        assert!(
            matches!(db.claim(1, 1), Err(Error::Latched { .. })),
            "{when}"
        );
        assert!(
            matches!(db.defragment(), Err(Error::Latched { .. })),
            "{when}"
        );
        assert_eq!(db.sizes(), sizes, "{when}");
        assert_same(&dump(&db.read()), &old, &when);
        assert_sound(&db, &when);
        drop(db);

        let mut sim = Sim::new(None);
        let steps = recorder.steps();
        for step in &steps {
            sim.apply(step);
        }
        // A failed sync leaves its pages clean: no later sync writes them.
        if let Some(Step::Write { file, .. }) = steps.last() {
            sim.fail_sync(*file);
        }
        let image = scratch();
        let root = image.path().join("image");
        sim.visible(&root);
        let again = Recorder::new(&root);
        let db = Db::open(root.join("db"), watched(&again)).unwrap();
        let found = dump(&db.read());
        assert!(
            found == old || found == new,
            "{when}: neither state after the restart"
        );
        assert_sound(&db, &when);
        let opened = again.len();
        let mut next = found.clone();
        let mut c = Change::new(&mut next);
        for i in 0..60 {
            c.put("key", format!("{:03}", i * 2), vec![1; 250]);
        }
        db.commit(&c.batch).unwrap();
        drop(db);
        for (i, step) in again.steps().iter().enumerate() {
            sim.apply(step);
            for keep in [Keep::None, Keep::Some(&mut rng), Keep::All] {
                let when = format!("{when}, then power loss after step {i} of the next process");
                sim.crash(&root, keep);
                let db = Db::open(root.join("db"), small(1024))
                    .unwrap_or_else(|e| panic!("{when}: {e}"));
                let got = dump(&db.read());
                let done = i + 1 >= again.len();
                let known = if i + 1 < opened {
                    got == old || got == new
                } else {
                    !done && got == found
                };
                if !known {
                    assert_same(&got, &next, &when);
                }
                assert_sound(&db, &when);
            }
        }
    }
}

/// A full disk makes the claim fail: nothing has changed, including free space, and the database remains usable.
#[test]
fn a_full_disk_refuses_the_claim_and_nothing_else() {
    let dir = scratch();
    let recorder = Recorder::new(dir.path());
    let (db, old) = prepare(&recorder, &dir.path().join("db"));
    let sizes = db.sizes();
    // Twice, because a smaller allocation is tried after a larger one has failed.
    for kind in [ErrorKind::StorageFull, ErrorKind::QuotaExceeded] {
        let full = Full::new(&recorder, kind);
        let e = full.run(|| db.claim(50 << 20, 3)).unwrap_err();
        assert!(matches!(e, Error::NoSpace { .. }) && e.is_no_space(), "{e}");
        assert_eq!(db.sizes(), sizes);
        assert_same(&dump(&db.read()), &old, "after the refusal");
        assert_sound(&db, "after the refusal");
    }
    let mut new = old.clone();
    let batch = change(&mut new);
    db.claim(batch.bytes(), batch.ops()).unwrap();
    // The claimed space is available: no step of the commit allocates space.
    let before = recorder.len();
    db.commit(&batch).unwrap();
    let asked = recorder.steps()[before..]
        .iter()
        .any(|s| matches!(s, Step::Allocate { .. }));
    assert!(!asked, "the commit asked for more than was claimed");
    assert_same(&dump(&db.read()), &new, "after the commit");
    assert_sound(&db, "after the commit");
}

/// A commit without a claim on a full disk changes nothing either.
#[test]
fn a_full_disk_refuses_a_commit_without_a_claim() {
    let dir = scratch();
    let recorder = Recorder::new(dir.path());
    let (db, old) = prepare(&recorder, &dir.path().join("db"));
    let mut new = old.clone();
    let mut c = Change::new(&mut new);
    c.put("key", "large", vec![5; 4 << 20]);
    let batch = c.batch;
    let sizes = db.sizes();
    let e = Full::new(&recorder, ErrorKind::StorageFull)
        .run(|| db.commit(&batch))
        .unwrap_err();
    assert!(matches!(e, Error::NoSpace { .. }), "{e}");
    assert_eq!(db.sizes(), sizes);
    assert_same(&dump(&db.read()), &old, "after the refusal");
    assert_sound(&db, "after the refusal");
    db.commit(&batch).unwrap();
    assert_same(&dump(&db.read()), &new, "with space again");
    assert_sound(&db, "with space again");
}

/// Each step of a defragmentation fails once. Before the rename, everything is as before, no files are left behind, and
/// the database remains usable. After it, the engine refuses writes until the new file's name is durable.
#[test]
fn a_defragmentation_that_fails_leaves_everything_as_it_was() {
    for kind in [ErrorKind::StorageFull, ErrorKind::Other] {
        for n in 0.. {
            let dir = scratch();
            let path = dir.path().join("db");
            let recorder = Recorder::new(dir.path());
            let (db, mut model) = prepare(&recorder, &path);
            let sizes = db.sizes();
            let reader = db.read();
            recorder.fail_at(recorder.len() + n, kind);
            let result = db.defragment();
            recorder.fail_at(usize::MAX, kind);
            let when = format!("{kind:?} at step {n}: {result:?}");
            assert_same(&dump(&db.read()), &model, &when);
            assert_same(&dump(&reader), &model, &when);
            assert_sound(&db, &when);
            let names = std::fs::read_dir(dir.path()).unwrap().count();
            assert_eq!(names, 1, "{when}: a file lies about");
            let batch = change(&mut model);
            match (result, db.commit(&batch)) {
                (Err(e), Ok(_)) => {
                    assert_eq!(e.is_no_space(), kind == ErrorKind::StorageFull, "{when}");
                    assert!(db.sizes().total >= sizes.total, "{when}");
                    drop((db, reader));
                    let db = Db::open(&path, small(1024)).unwrap();
                    assert_same(&dump(&db.read()), &model, &when);
                    assert_sound(&db, &when);
                }
                // The directory could not be synced.
                (Err(Error::Io { .. }), Err(Error::Latched { .. })) => {
                    let last = recorder
                        .steps()
                        .iter()
                        .rev()
                        .find(|s| !matches!(s, Step::Open { .. }))
                        .cloned();
                    assert!(
                        matches!(last, Some(Step::Rename { .. })),
                        "{when}: {last:?}"
                    );
                }
                (Ok(_), Ok(_)) => {
                    assert!(n > 4, "{when}: a defragmentation has only {n} steps");
                    break;
                }
                (result, commit) => panic!("{when}: {result:?}, then {commit:?}"),
            }
        }
    }
}

/// Makes every allocation fail until dropped.
struct Full<'r> {
    recorder: &'r Recorder,
    kind: ErrorKind,
}

impl<'r> Full<'r> {
    fn new(recorder: &'r Recorder, kind: ErrorKind) -> Full<'r> {
        Full { recorder, kind }
    }

    fn run<T>(&self, f: impl FnOnce() -> T) -> T {
        self.recorder.full(Some(self.kind));
        let done = f();
        self.recorder.full(None);
        done
    }
}
