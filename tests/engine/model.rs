//! The engine compared with a `BTreeMap`: random batches, readers held across commits, reopening, defragmentation,
//! snapshots, and other page sizes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use etcd_maintenance::bolt::{Db, Event, Options, ReadTx, Watcher};
use tempfile::tempdir;

use super::support::{Change, Model, Rng, assert_same, assert_sound, dump, dump_file, keep, small};

const BUCKETS: [&str; 5] = ["alarm", "key", "lease", "meta", "members"];

/// A random batch: few or many operations, mostly puts or mostly deletions, sometimes a large value, a run of ascending
/// keys, a range of deletions, or a bucket that is created or deleted.
fn change(rng: &mut Rng, c: &mut Change<'_>, round: u64) {
    let deletions = [5, 50, 95][(round / 15 % 3) as usize];
    for bucket in BUCKETS {
        if bucket != "key" && rng.chance(60) {
            continue;
        }
        let n = [3, 20, 200, 900][rng.below(4) as usize];
        match rng.below(20) {
            0 => c.create_bucket(bucket),
            1 if bucket != "key" => c.delete_bucket(bucket),
            1 => {
                c.delete_bucket(bucket);
                for i in 0..rng.below(5) {
                    c.put(
                        bucket,
                        format!("big{i}"),
                        vec![b'b'; rng.below(20_000) as usize],
                    );
                }
            }
            2 | 3 => {
                for i in 0..rng.below(n) {
                    c.put(
                        bucket,
                        format!("z{round:06}{i:06}"),
                        vec![b'v'; rng.below(400) as usize],
                    );
                }
            }
            4 => {
                let keys = c.keys(bucket);
                let from = rng.below(keys.len() as u64) as usize;
                for key in keys.into_iter().skip(from).take(rng.below(600) as usize) {
                    c.delete(bucket, key);
                }
            }
            _ => {
                for _ in 0..rng.below(n) {
                    let mut key = format!("{:05}", rng.below(3000)).into_bytes();
                    if rng.chance(2) {
                        key.resize(1 + rng.below(3000) as usize, b'k');
                    }
                    if rng.chance(deletions) {
                        c.delete(bucket, key);
                    } else {
                        let len = if rng.below(80) == 0 {
                            rng.below(30_000)
                        } else {
                            rng.below(300)
                        };
                        c.put(bucket, key, vec![(rng.next() & 255) as u8; len as usize]);
                    }
                }
            }
        }
    }
}

/// Counts how often a file grows.
#[derive(Default)]
struct Growth(AtomicU64);

impl Watcher for Growth {
    fn event(&self, event: Event<'_>) -> std::io::Result<()> {
        if matches!(event, Event::Allocate { .. }) {
            self.0.fetch_add(1, Relaxed);
        }
        Ok(())
    }
}

fn run(page_size: u32, rounds: u64, seed: u64) {
    let mut rng = Rng::new(&format!("model, pages of {page_size}"), seed);
    let dir = tempdir().unwrap();
    let path = dir.path().join("db");
    let growth = Arc::new(Growth::default());
    // Allocate as little as possible beyond what was claimed, so that an insufficient claim is detected.
    let options = || Options {
        grow: 0,
        watcher: Some(growth.clone()),
        ..small(page_size)
    };
    let mut db = Db::open(&path, options()).unwrap();
    let mut model = Model::default();
    let mut held: Vec<(ReadTx, Model)> = Vec::new();
    for round in 0..rounds {
        let when = format!("round {round}");
        let mut c = Change::new(&mut model);
        change(&mut rng, &mut c, round);
        let batch = c.batch;
        let claimed = rng.chance(70);
        if claimed {
            db.claim(batch.bytes(), batch.ops()).unwrap();
        }
        let before = growth.0.load(Relaxed);
        let sizes = db.commit(&batch).unwrap();
        let grew = growth.0.load(Relaxed) - before;
        assert!(
            !claimed || grew == 0,
            "{when}: the commit asked for more than was claimed"
        );
        assert_eq!(sizes, db.sizes());
        if rng.chance(20) {
            assert_same(&dump(&db.read()), &model, &when);
        }
        if rng.chance(10) {
            assert_sound(&db, &when);
        }
        if rng.chance(15) {
            held.push((db.read(), model.clone()));
        }
        if rng.chance(15) && !held.is_empty() {
            let i = rng.below(held.len() as u64) as usize;
            let (tx, then) = held.swap_remove(i);
            assert_same(
                &dump(&tx),
                &then,
                &format!("{when}, reader of transaction {}", tx.txid()),
            );
        }
        if rng.below(40) == 0 {
            let before = db.sizes();
            let after = db.defragment().unwrap();
            keep(&path, &format!("{page_size}-{round}.defragged"));
            assert_eq!(after.total, after.in_use);
            assert!(
                after.total <= before.total + u64::from(page_size) * 8,
                "{when}: {before:?} became {after:?}"
            );
            assert_same(&dump(&db.read()), &model, &when);
            assert_sound(&db, &when);
        }
        if rng.below(40) == 0 {
            let snapshot = dir.path().join("snapshot");
            let n = db
                .read()
                .write_to(&mut std::fs::File::create(&snapshot).unwrap())
                .unwrap();
            assert_eq!(n, db.sizes().total);
            assert_eq!(std::fs::metadata(&snapshot).unwrap().len(), n);
            assert_same(&dump_file(&snapshot), &model, &when);
            keep(&snapshot, &format!("{page_size}-{round}.snapshot"));
            // Half of the time, continue with the snapshot: its current meta is on page 0, whatever its transaction.
            if rng.chance(50) {
                held.clear();
                db.close();
                std::fs::rename(&snapshot, &path).unwrap();
                db = Db::open(&path, options()).unwrap();
            }
        }
        if rng.below(25) == 0 {
            for (tx, then) in held.drain(..) {
                assert_same(&dump(&tx), &then, &when);
            }
            db.close();
            assert_same(&dump_file(&path), &model, &when);
            keep(&path, &format!("{page_size}-{round}.db"));
            db = Db::open(&path, options()).unwrap();
            assert_same(&dump(&db.read()), &model, &when);
        }
    }
    for (tx, then) in held {
        assert_same(&dump(&tx), &then, "end");
    }
    assert_same(&dump(&db.read()), &model, "end");
    assert_sound(&db, "end");
}

#[test]
fn random_histories_in_pages_of_4096() {
    run(4096, 220, 0x5eed_0001);
}

#[test]
fn random_histories_in_pages_of_1024() {
    run(1024, 160, 0x5eed_0002);
}

#[test]
fn random_histories_in_pages_of_65536() {
    run(65_536, 100, 0x5eed_0003);
}
