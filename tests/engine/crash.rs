//! Power losses and kills at every step of a workload. Afterwards the database always contains either the last
//! acknowledged state or the complete state that was being written, and can be used normally.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use etcd_maintenance::bolt::{Db, Options};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::sim::{Keep, Recorder, SECTOR, Sim, Step};
use super::support::{Change, Model, Rng, assert_same, assert_sound, dump, small};

/// A directory for images, in memory if possible, because there are many.
pub fn scratch() -> TempDir {
    match Path::new("/dev/shm") {
        shm if shm.is_dir() => tempfile::tempdir_in(shm).unwrap(),
        _ => tempfile::tempdir().unwrap(),
    }
}

pub fn watched(recorder: &Arc<Recorder>) -> Options {
    Options {
        watcher: Some(recorder.clone()),
        ..small(1024)
    }
}

/// A recorded run of the engine.
pub struct History {
    pub steps: Vec<Step>,
    /// This state was acknowledged after this number of steps. Nothing was acknowledged before the first.
    pub states: Vec<(usize, Model)>,
}

impl History {
    /// The states that a power loss after `n` steps may leave: the last acknowledged one and the next.
    fn allowed(&self, n: usize) -> &[(usize, Model)] {
        let next = self.states.partition_point(|(at, _)| *at <= n);
        &self.states[next.saturating_sub(1)..(next + 1).min(self.states.len())]
    }
}

impl History {
    /// Most commits sync once. A commit whose pages are too scattered for a record syncs twice.
    fn assert_synced_once_or_twice(&self) {
        let mut counts = [0; 3];
        for pair in self.states.windows(2) {
            let steps = &self.steps[pair[0].0..pair[1].0];
            let syncs = steps
                .iter()
                .filter(|s| matches!(s, Step::Sync { .. }))
                .count();
            // The first commit to a snapshot removes its digest, and that after a defragmentation includes the
            // defragmentation.
            counts[syncs.min(2)] += 1;
        }
        assert_eq!(counts[0], 0, "{counts:?}");
        assert!(counts[1] > counts[2], "{counts:?}");
    }
}

/// Many small commits spread over a larger tree. Their pages are scattered, so records become long, some longer than a
/// sector, and some too long for the meta page.
fn scattered(
    db: &Db,
    recorder: &Recorder,
    rng: &mut Rng,
    model: &mut Model,
    states: &mut Vec<(usize, Model)>,
) {
    let mut fill = Change::new(model);
    for i in 0..300 {
        fill.put("key", format!("{i:03}"), vec![1; 300]);
    }
    let batch = fill.batch;
    db.claim(batch.bytes(), batch.ops()).unwrap();
    db.commit(&batch).unwrap();
    states.push((recorder.len(), model.clone()));
    for puts in [60, 100, 60] {
        let mut c = Change::new(model);
        for _ in 0..puts {
            let value = vec![(rng.next() & 255) as u8; 300];
            c.put("key", format!("{:03}", rng.below(300)), value);
        }
        let batch = c.batch;
        db.commit(&batch).unwrap();
        states.push((recorder.len(), model.clone()));
    }
    let longest = recorder
        .steps()
        .iter()
        .filter_map(|step| match step {
            Step::Write { offset, bytes, .. } if *offset < 2048 && bytes.len() == 1024 => {
                bytes.iter().rposition(|b| *b != 0)
            }
            _ => None,
        })
        .max();
    assert!(
        longest > Some(SECTOR),
        "no record is longer than a sector: {longest:?}"
    );
}

/// Puts, deletions, a range of deletions, a large value, and sometimes a defragmentation.
pub fn workload(
    db: &Db,
    recorder: &Recorder,
    rng: &mut Rng,
    model: &mut Model,
    states: &mut Vec<(usize, Model)>,
) {
    for round in 0..9u64 {
        let mut c = Change::new(model);
        match round {
            3 | 7 => {
                for key in c.keys("key").into_iter().skip(5).take(70) {
                    c.delete("key", key);
                }
            }
            5 => c.put("key", "large", vec![round as u8; 9000]),
            _ => {
                for _ in 0..1 + rng.below(40) {
                    let key = format!("{:03}", rng.below(150));
                    match rng.chance(25) {
                        true => c.delete("key", key),
                        false => c.put(
                            "key",
                            key,
                            vec![(rng.next() & 255) as u8; rng.below(300) as usize],
                        ),
                    }
                }
                c.put("meta", "round", vec![round as u8; 8]);
            }
        }
        let batch = c.batch;
        if round % 2 == 0 {
            db.claim(batch.bytes(), batch.ops()).unwrap();
        }
        db.commit(&batch).unwrap();
        states.push((recorder.len(), model.clone()));
        if round == 6 {
            db.defragment().unwrap();
        }
    }
}

/// The initial database.
enum Start {
    /// Neither the file nor its directory exists.
    Nothing,
    /// A snapshot whose last transaction is odd or even.
    Snapshot { odd: bool },
    /// A snapshot that was copied to the path, with its digest.
    Digest,
    /// A tree of buckets that takes several pages.
    ManyBuckets,
}

/// A snapshot of a small database with this number of buckets.
fn snapshot(buckets: u64, odd: Option<bool>, model: &mut Model) -> Vec<u8> {
    let dir = scratch();
    let db = Db::open(dir.path().join("db"), small(1024)).unwrap();
    let mut rng = Rng::new("snapshot", 7);
    loop {
        let mut c = Change::new(model);
        for i in 0..buckets {
            c.put(
                &format!("bucket with a name of some length {i:03}"),
                format!("{}", rng.below(10)),
                vec![1; 20],
            );
        }
        for i in 0..60 {
            c.put("key", format!("{i:03}"), vec![2; rng.below(200) as usize]);
        }
        db.commit(&c.batch).unwrap();
        let tx = db.read();
        if tx.txid() > 3 && odd.is_none_or(|odd| (tx.txid() % 2 == 1) == odd) {
            let mut bytes = Vec::new();
            tx.write_to(&mut bytes).unwrap();
            assert_sound(&db, "snapshot");
            return bytes;
        }
    }
}

impl Start {
    fn make(&self) -> (Option<Vec<u8>>, Model, PathBuf) {
        let mut model = Model::default();
        match self {
            Start::Nothing => (None, model, "new/directory/db".into()),
            Start::Snapshot { odd } => {
                let mut bytes = snapshot(2, Some(*odd), &mut model);
                // Make the other meta invalid: the page with the current one must never be lost.
                bytes[1024 + 20] ^= 1;
                (Some(bytes), model, "db".into())
            }
            Start::Digest => {
                let mut bytes = snapshot(2, None, &mut model);
                let digest = Sha256::digest(&bytes);
                bytes.extend_from_slice(&digest);
                (Some(bytes), model, "db".into())
            }
            Start::ManyBuckets => (Some(snapshot(60, None, &mut model)), model, "db".into()),
        }
    }
}

type Work = fn(&Db, &Recorder, &mut Rng, &mut Model, &mut Vec<(usize, Model)>);

/// Runs a workload and simulates every possible crash.
fn enumerate(start: &Start, work: Work, seed: u64) {
    let mut rng = Rng::new("crash", seed);
    let run = scratch();
    let recorder = Recorder::new(run.path());
    let (file, mut model, name) = start.make();
    if let Some(bytes) = &file {
        std::fs::write(run.path().join(&name), bytes).unwrap();
    }
    let mut states = vec![(0, model.clone())];
    let db = Db::open(run.path().join(&name), watched(&recorder)).unwrap();
    let page_size = db.read().page_size() as usize;
    work(&db, &recorder, &mut rng, &mut model, &mut states);
    assert_sound(&db, "after the workload");
    // Closing writes, too.
    drop(db);
    let history = History {
        steps: recorder.steps(),
        states,
    };
    history.assert_synced_once_or_twice();

    let images = scratch();
    let image = images.path().join("image");
    let mut sim = Sim::new(file.map(|bytes| ("db", bytes)));
    let mut tried = 0;
    for n in 0..=history.steps.len() {
        if n > 0 {
            sim.apply(&history.steps[n - 1]);
        }
        // Nothing new can happen between two writes of one run of pages.
        let last = history.steps.get(n.wrapping_sub(1));
        let meta = last.and_then(|step| meta_write(step, page_size));
        // In a long workload, most steps write one of many pages: test a sample of them.
        let page = meta.is_none() && matches!(last, Some(Step::Write { .. }));
        if page && history.steps.len() > 200 && !rng.chance(10) {
            continue;
        }
        let mut images: Vec<Keep<'_>> = vec![Keep::None, Keep::All];
        let loose = sim.loose_sectors();
        for _ in 0..loose.min(3) {
            for there in [true, false] {
                let sector = rng.below(loose as u64) as usize;
                images.push(Keep::But { sector, there });
            }
        }
        if let Some(len) = meta {
            // A single missing sector must be detected wherever it is.
            let there = false;
            let sectors = 0..loose.min(16);
            images.extend(sectors.map(|sector| Keep::But { sector, there }));
            // The meta page can be torn at any byte, and any of its sectors can be missing.
            let offset = rng.below(9) as usize;
            images.extend((offset..112).step_by(9).chain(78..82).map(Keep::Torn));
            images.extend((112 + offset..len).step_by(97).map(Keep::Torn));
            let masks = 1 << len.div_ceil(SECTOR);
            images.extend((0..masks).map(Keep::LastSectors));
        }
        for keep in images {
            sim.crash(&image, keep);
            recovers(&history, n, &image, &name, &mut rng);
            tried += 1;
        }
        for _ in 0..3 {
            sim.crash(&image, Keep::Some(&mut rng));
            recovers(&history, n, &image, &name, &mut rng);
            tried += 1;
        }
        if rng.chance(30) {
            killed(&history, n, &sim, &image, &name, &mut rng);
        }
    }
    println!("{tried} images of {} steps", history.steps.len());
    assert!(tried > 400, "only {tried} images");
}

/// Number of bytes if a write goes to a meta page.
fn meta_write(step: &Step, page_size: usize) -> Option<usize> {
    match step {
        Step::Write { offset, bytes, .. }
            if *offset < 2 * page_size && bytes.len() <= page_size =>
        {
            Some(bytes.len())
        }
        _ => None,
    }
}

/// The state found in an image, which must be one of those allowed.
fn found<'h>(history: &'h History, n: usize, db: &Db, when: &str) -> &'h Model {
    let got = dump(&db.read());
    let allowed = history.allowed(n);
    match allowed.iter().find(|(_, m)| *m == got) {
        Some((_, m)) => m,
        None => {
            assert_same(&got, &allowed[0].1, when);
            unreachable!()
        }
    }
}

/// An image can be opened, contains an allowed state, is intact and accepts a commit; and a second crash during all
/// that loses nothing.
fn recovers(history: &History, n: usize, image: &Path, name: &Path, rng: &mut Rng) {
    let when = format!(
        "power loss after step {n} ({:?})",
        history.steps.get(n.wrapping_sub(1)).map(brief)
    );
    let twice = rng.chance(12);
    let before = twice.then(|| Sim::from_directory(image));
    let recorder = Recorder::new(image);
    let db =
        Db::open(image.join(name), watched(&recorder)).unwrap_or_else(|e| panic!("{when}: {e}"));
    let old = found(history, n, &db, &when).clone();
    assert_sound(&db, &when);
    let mut new = old.clone();
    let mut c = Change::new(&mut new);
    c.put("key", "after", vec![n as u8; 1 + rng.below(2000) as usize]);
    c.delete("key", "001");
    db.commit(&c.batch).unwrap();
    assert_same(&dump(&db.read()), &new, &when);
    assert_sound(&db, &when);
    drop(db);
    let Some(mut sim) = before else { return };
    let second = History {
        steps: recorder.steps(),
        states: vec![(0, old), (recorder.len(), new)],
    };
    for n in 0..=second.steps.len() {
        if n > 0 {
            sim.apply(&second.steps[n - 1]);
        }
        sim.crash(image, Keep::Some(rng));
        let db = Db::open(image.join(name), small(1024))
            .unwrap_or_else(|e| panic!("{when}, then {n}: {e}"));
        found(&second, n, &db, &format!("{when}, then after step {n}"));
        assert_sound(&db, &when);
    }
}

/// The process is killed, another continues with what is in memory, and then the power is lost.
fn killed(history: &History, n: usize, sim: &Sim, image: &Path, name: &Path, rng: &mut Rng) {
    let when = format!("kill after step {n}");
    sim.visible(image);
    let recorder = Recorder::new(image);
    let db =
        Db::open(image.join(name), watched(&recorder)).unwrap_or_else(|e| panic!("{when}: {e}"));
    let mut model = found(history, n, &db, &when).clone();
    // A power loss before the first acknowledgement by the new process may still undo what the old one had not
    // acknowledged.
    let opened = recorder.len();
    let mut states = vec![(opened, model.clone())];
    for _ in 0..3 {
        let mut c = Change::new(&mut model);
        for _ in 0..20 {
            c.put(
                "key",
                format!("{:03}", rng.below(150)),
                vec![3; rng.below(300) as usize],
            );
        }
        db.commit(&c.batch).unwrap();
        states.push((recorder.len(), model.clone()));
    }
    assert_sound(&db, &when);
    drop(db);
    let second = History {
        steps: recorder.steps(),
        states,
    };
    let mut sim = sim.clone();
    for m in 1..=second.steps.len() {
        sim.apply(&second.steps[m - 1]);
        for all in [false, true] {
            let keep = if all { Keep::Some(rng) } else { Keep::None };
            sim.crash(image, keep);
            let when = format!("{when}, power loss after step {m}");
            let db =
                Db::open(image.join(name), small(1024)).unwrap_or_else(|e| panic!("{when}: {e}"));
            if m < opened {
                let got = dump(&db.read());
                assert!(
                    history.allowed(n).iter().any(|(_, s)| *s == got),
                    "{when}: neither state"
                );
            } else {
                found(&second, m, &db, &when);
            }
            assert_sound(&db, &when);
        }
    }
}

fn brief(step: &Step) -> String {
    match step {
        Step::Write {
            file,
            offset,
            bytes,
        } => format!("write {} bytes at {offset} of {file}", bytes.len()),
        other => format!("{other:?}"),
    }
}

#[test]
fn a_new_database() {
    enumerate(&Start::Nothing, workload, 101);
}

#[test]
fn a_snapshot_of_an_odd_transaction() {
    enumerate(&Start::Snapshot { odd: true }, workload, 102);
}

#[test]
fn a_snapshot_of_an_even_transaction() {
    enumerate(&Start::Snapshot { odd: false }, workload, 103);
}

#[test]
fn a_snapshot_with_its_digest() {
    enumerate(&Start::Digest, workload, 105);
}

#[test]
fn commits_with_long_records() {
    enumerate(&Start::Nothing, scattered, 106);
}

#[test]
fn a_tree_of_buckets_with_branches() {
    enumerate(&Start::ManyBuckets, workload, 104);
}
