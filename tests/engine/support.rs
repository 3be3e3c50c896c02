//! A seeded random number generator, and a database as a plain map.

use std::collections::BTreeMap;
use std::path::Path;

use etcd_maintenance::bolt::{Batch, Db, FileReader, Options, ReadTx};

/// A small random number generator; the same seed gives the same numbers (xorshift64*).
pub struct Rng(u64);

impl Rng {
    /// Uses the seed in the environment variable `BOLT_SEED`, or this one. It is printed, and shown on failure.
    pub fn new(name: &str, default: u64) -> Rng {
        let seed = std::env::var("BOLT_SEED")
            .ok()
            .and_then(|s| s.parse().ok())
            .unwrap_or(default);
        println!("{name}: BOLT_SEED={seed}");
        Rng(seed.max(1))
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number below `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        (self.next() >> 16) % n.max(1)
    }

    /// True in `percent` of 100 cases.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

pub type Map = BTreeMap<Vec<u8>, Vec<u8>>;

/// The expected content of a database: buckets, their keys and values.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Model(pub BTreeMap<Vec<u8>, Map>);

/// A batch and the model it is applied to, changed together.
pub struct Change<'m> {
    pub batch: Batch,
    model: &'m mut Model,
}

impl<'m> Change<'m> {
    pub fn new(model: &'m mut Model) -> Change<'m> {
        Change {
            batch: Batch::new(),
            model,
        }
    }

    pub fn put(&mut self, bucket: &str, key: impl Into<Vec<u8>>, value: Vec<u8>) {
        let key = key.into();
        self.batch
            .put(bucket.as_bytes(), key.clone(), value.clone())
            .unwrap();
        self.model
            .0
            .entry(bucket.into())
            .or_default()
            .insert(key, value);
    }

    pub fn delete(&mut self, bucket: &str, key: impl Into<Vec<u8>>) {
        let key = key.into();
        self.batch.delete(bucket.as_bytes(), key.clone()).unwrap();
        if let Some(map) = self.model.0.get_mut(bucket.as_bytes()) {
            map.remove(&key);
        }
    }

    pub fn create_bucket(&mut self, bucket: &str) {
        self.batch.create_bucket(bucket.as_bytes()).unwrap();
        self.model.0.entry(bucket.into()).or_default();
    }

    pub fn delete_bucket(&mut self, bucket: &str) {
        self.batch.delete_bucket(bucket.as_bytes());
        self.model.0.remove(bucket.as_bytes());
    }

    /// The keys of a bucket in the model.
    pub fn keys(&self, bucket: &str) -> Vec<Vec<u8>> {
        self.model
            .0
            .get(bucket.as_bytes())
            .map(|m| m.keys().cloned().collect())
            .unwrap_or_default()
    }
}

/// The content of a view.
pub fn dump(tx: &ReadTx) -> Model {
    let mut model = Model::default();
    for bucket in tx.buckets().unwrap() {
        let (name, bucket) = bucket.unwrap();
        let entries = bucket
            .iter()
            .unwrap()
            .map(|e| e.map(|e| (e.key.to_vec(), e.value.to_vec())));
        model
            .0
            .insert(name.to_vec(), entries.collect::<Result<_, _>>().unwrap());
    }
    model
}

/// The content of a file.
pub fn dump_file(path: &Path) -> Model {
    let file = FileReader::open(path).unwrap();
    let checked = file.check().unwrap();
    assert!(
        checked.findings.is_empty(),
        "{}: {:?}",
        path.display(),
        checked.findings
    );
    let mut model = Model::default();
    for bucket in file.buckets().unwrap() {
        let (name, bucket) = bucket.unwrap();
        let entries = bucket
            .iter()
            .unwrap()
            .map(|e| e.map(|e| (e.key.to_vec(), e.value.to_vec())));
        model
            .0
            .insert(name.to_vec(), entries.collect::<Result<_, _>>().unwrap());
    }
    model
}

/// Asserts equality without printing megabytes.
pub fn assert_same(got: &Model, want: &Model, when: &str) {
    if got == want {
        return;
    }
    let names = |m: &Model| {
        m.0.iter()
            .map(|(n, k)| (n.escape_ascii().to_string(), k.len()))
            .collect::<Vec<_>>()
    };
    let (g, w) = (names(got), names(want));
    for (name, map) in &want.0 {
        let other = got.0.get(name).cloned().unwrap_or_default();
        let first = map
            .iter()
            .find(|(k, v)| other.get(*k) != Some(v))
            .map(|(k, _)| k.clone());
        let first = first.or_else(|| other.keys().find(|k| !map.contains_key(*k)).cloned());
        if let Some(key) = first {
            panic!(
                "{when}: bucket {} differs at key {}; got {g:?}, want {w:?}",
                name.escape_ascii(),
                key.escape_ascii()
            );
        }
    }
    panic!("{when}: got {g:?}, want {w:?}");
}

/// Asserts that a database is intact.
pub fn assert_sound(db: &Db, when: &str) {
    let checked = db.check().unwrap();
    let findings: Vec<String> = checked.findings.iter().map(ToString::to_string).collect();
    assert!(findings.is_empty(), "{when}: {findings:?}");
    assert_eq!(checked.hazards, 0, "{when}");
}

/// Options with a small reserve, so that the mapping is outgrown too.
pub fn small(page_size: u32) -> Options {
    Options {
        page_size: Some(page_size),
        reserve: 1 << 20,
        grow: 1 << 20,
        ..Options::default()
    }
}

/// Copies a database to the path in the environment variable `BOLT_KEEP`, for inspection with other tools.
pub fn keep(path: &Path, name: &str) {
    if let Some(dir) = std::env::var_os("BOLT_KEEP") {
        std::fs::copy(path, Path::new(&dir).join(name)).unwrap();
    }
}
