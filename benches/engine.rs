//! Our storage engine, LMDB and redb doing the same work in one run, on the same disk, with durable commits. Prints a
//! table of medians and ratios; absolute times say little about other machines.
//!
//!     cargo run --release --example engine-bench            # in the directory for temporary files
//!     cargo run --release --example engine-bench -- DIR     # on another disk
//!
//! Keys have 17 bytes and ascend unless stated otherwise, values have 1 KiB, as in etcd's `key` bucket.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;
use etcd_maintenance::bolt::{Batch, Db, Options};
use heed::types::Bytes as Raw;
use heed::{Database, EnvOpenOptions};
use redb::{ReadableDatabase, ReadableTable, TableDefinition};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Number of runs of each measurement; the median is used.
const RUNS: usize = 3;
const TABLE: TableDefinition<&[u8], &[u8]> = TableDefinition::new("key");

/// An engine under test.
trait Engine {
    fn name(&self) -> &'static str;
    /// Commits a batch durably.
    fn commit(&mut self, keys: &[[u8; 17]], value: &Bytes) -> Outcome<()>;
    /// Reads everything in order. Returns the number of keys and a sum over the first and last bytes of the values.
    fn scan(&self) -> Outcome<(u64, u64)>;
    /// Reads one key.
    fn get(&self, key: &[u8; 17]) -> Outcome<usize>;
}

struct Ours(Db);

impl Ours {
    fn open(dir: &Path) -> Outcome<Box<dyn Engine>> {
        Ok(Box::new(Ours(Db::open(
            dir.join("db"),
            Options::default(),
        )?)))
    }
}

impl Engine for Ours {
    fn name(&self) -> &'static str {
        "ours"
    }

    fn commit(&mut self, keys: &[[u8; 17]], value: &Bytes) -> Outcome<()> {
        let mut batch = Batch::new();
        for key in keys {
            batch.put(b"key", Bytes::copy_from_slice(key), value.clone())?;
        }
        self.0.claim(batch.bytes(), batch.ops())?;
        self.0.commit(&batch)?;
        Ok(())
    }

    fn scan(&self) -> Outcome<(u64, u64)> {
        let tx = self.0.read();
        let bucket = tx.bucket(b"key")?.ok_or("no bucket")?;
        let (mut n, mut sum) = (0, 0);
        for entry in bucket.range(Bound::Unbounded, Bound::Unbounded)? {
            n += 1;
            sum += sample(entry?.value);
        }
        Ok((n, sum))
    }

    fn get(&self, key: &[u8; 17]) -> Outcome<usize> {
        let tx = self.0.read();
        let bucket = tx.bucket(b"key")?.ok_or("no bucket")?;
        Ok(bucket.get(key)?.map_or(0, <[u8]>::len))
    }
}

struct Lmdb {
    env: heed::Env,
    db: Database<Raw, Raw>,
}

impl Lmdb {
    // heed's `open` is unsafe because a file must not be opened twice in one process: each run has its own file.
    #[allow(unsafe_code)]
    fn open(dir: &Path) -> Outcome<Box<dyn Engine>> {
        let env = unsafe { EnvOpenOptions::new().map_size(8 << 30).open(dir)? };
        let mut tx = env.write_txn()?;
        let db = env.create_database(&mut tx, None)?;
        tx.commit()?;
        Ok(Box::new(Lmdb { env, db }))
    }
}

impl Engine for Lmdb {
    fn name(&self) -> &'static str {
        "LMDB"
    }

    fn commit(&mut self, keys: &[[u8; 17]], value: &Bytes) -> Outcome<()> {
        let mut tx = self.env.write_txn()?;
        for key in keys {
            self.db.put(&mut tx, key, value)?;
        }
        Ok(tx.commit()?)
    }

    fn scan(&self) -> Outcome<(u64, u64)> {
        let tx = self.env.read_txn()?;
        let (mut n, mut sum) = (0, 0);
        for entry in self.db.iter(&tx)? {
            n += 1;
            sum += sample(entry?.1);
        }
        Ok((n, sum))
    }

    fn get(&self, key: &[u8; 17]) -> Outcome<usize> {
        let tx = self.env.read_txn()?;
        Ok(self.db.get(&tx, key)?.map_or(0, <[u8]>::len))
    }
}

struct Redb(redb::Database);

impl Redb {
    fn open(dir: &Path) -> Outcome<Box<dyn Engine>> {
        Ok(Box::new(Redb(redb::Database::create(dir.join("redb"))?)))
    }
}

impl Engine for Redb {
    fn name(&self) -> &'static str {
        "redb"
    }

    fn commit(&mut self, keys: &[[u8; 17]], value: &Bytes) -> Outcome<()> {
        let tx = self.0.begin_write()?;
        {
            let mut table = tx.open_table(TABLE)?;
            for key in keys {
                table.insert(&key[..], &value[..])?;
            }
        }
        Ok(tx.commit()?)
    }

    fn scan(&self) -> Outcome<(u64, u64)> {
        let tx = self.0.begin_read()?;
        let table = tx.open_table(TABLE)?;
        let (mut n, mut sum) = (0, 0);
        for entry in table.iter()? {
            n += 1;
            sum += sample(entry?.1.value());
        }
        Ok((n, sum))
    }

    fn get(&self, key: &[u8; 17]) -> Outcome<usize> {
        let tx = self.0.begin_read()?;
        let table = tx.open_table(TABLE)?;
        Ok(table.get(&key[..])?.map_or(0, |v| v.value().len()))
    }
}

/// Accesses both ends of a value.
fn sample(value: &[u8]) -> u64 {
    u64::from(value.first().copied().unwrap_or(0)) + u64::from(value.last().copied().unwrap_or(0))
}

fn key(n: u64) -> [u8; 17] {
    let mut key = *b"00000000_00000000";
    key[..8].copy_from_slice(&n.to_be_bytes());
    key
}

fn value(n: u64) -> Vec<u8> {
    let mut x = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    std::iter::repeat_with(|| {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        x.to_le_bytes()
    })
    .take(128)
    .flatten()
    .collect()
}

/// Commits the same batches to every engine in turn, so that other load on the machine affects all of them equally.
/// Returns the times of each engine's commits.
fn in_turn(
    engines: &mut [Box<dyn Engine>],
    batches: impl Iterator<Item = Vec<[u8; 17]>>,
) -> Outcome<Vec<Vec<Duration>>> {
    let mut times = vec![Vec::new(); engines.len()];
    for (n, keys) in batches.enumerate() {
        let value = Bytes::from(value(n as u64));
        for i in 0..engines.len() {
            let e = (i + n) % engines.len();
            let start = Instant::now();
            engines[e].commit(&keys, &value)?;
            times[e].push(start.elapsed());
        }
    }
    Ok(times)
}

/// New keys from 0 to `n`, in batches of `batch`.
fn ascending(n: u64, batch: u64) -> impl Iterator<Item = Vec<[u8; 17]>> {
    (0..n)
        .step_by(batch as usize)
        .map(move |first| (first..(first + batch).min(n)).map(key).collect())
}

/// A source of random numbers below a bound.
fn random() -> impl FnMut(u64) -> u64 {
    let mut x = 88_172_645_463_325_252_u64;
    move |below| {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        x % below
    }
}

/// One run: for each row of the table, one number per engine.
fn run(fresh: &mut dyn FnMut() -> Outcome<Vec<Box<dyn Engine>>>) -> Outcome<Vec<Vec<f64>>> {
    let ms = |d: Duration| d.as_secs_f64() * 1e3;
    let rate = |n: u64| {
        move |times: Vec<Duration>| n as f64 / times.iter().sum::<Duration>().as_secs_f64()
    };
    let p50 = |mut times: Vec<Duration>| ms(median(&mut times));
    let mut out: Vec<Vec<f64>> = Vec::new();

    let times = in_turn(&mut fresh()?, ascending(20_000, 100))?;
    out.push(times.into_iter().map(rate(20_000)).collect());

    let mut full = fresh()?;
    let times = in_turn(&mut full, ascending(100_000, 10_000))?;
    out.push(times.into_iter().map(rate(100_000)).collect());

    let times = in_turn(&mut fresh()?, ascending(500, 1))?;
    out.push(times.into_iter().map(p50).collect());

    let mut scans = vec![Vec::new(); full.len()];
    for _ in 0..5 {
        for (engine, times) in full.iter().zip(&mut scans) {
            let start = Instant::now();
            let (n, sum) = engine.scan()?;
            times.push(start.elapsed());
            assert!(n == 100_000 && sum > 0);
        }
    }
    out.push(scans.into_iter().map(p50).collect());

    let mut gets = Vec::new();
    for engine in &full {
        let mut random = random();
        let start = Instant::now();
        for _ in 0..100_000 {
            assert_eq!(engine.get(&key(random(100_000)))?, 1024);
        }
        gets.push(start.elapsed().as_secs_f64() * 1e9 / 100_000.0);
    }
    out.push(gets);
    drop(full);

    let mut half = fresh()?;
    in_turn(&mut half, ascending(50_000, 10_000))?;
    let mut random = random();
    let overwrites = (0..150).map(|_| (0..100).map(|_| key(random(50_000))).collect());
    let times = in_turn(&mut half, overwrites)?;
    out.push(times.into_iter().map(p50).collect());
    Ok(out)
}

fn median<T: PartialOrd + Copy>(list: &mut [T]) -> T {
    list.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    list[list.len() / 2]
}

/// What a row shows, and whether higher is better.
const ROWS: [(&str, bool); 6] = [
    ("puts/s, batches of 100", true),
    ("puts/s, batches of 10,000", true),
    ("one put a commit, p50 ms", false),
    ("full scan of 100k, ms", false),
    ("random get of 100k, ns", false),
    ("100 random overwrites in 50k, p50 ms", false),
];

fn main() -> Outcome<()> {
    let root = std::env::args()
        .nth(1)
        .map_or_else(std::env::temp_dir, PathBuf::from);
    let root = tempfile::Builder::new()
        .prefix("engine-bench")
        .tempdir_in(root)?;
    let mut results = vec![vec![Vec::new(); 3]; ROWS.len()];
    let mut names = Vec::new();
    for _ in 0..RUNS {
        let mut count = 0;
        let mut fresh = || -> Outcome<Vec<Box<dyn Engine>>> {
            // Do not let the previous row affect this one.
            if count > 0 {
                std::fs::remove_dir_all(root.path().join(format!("{}", count - 1))).ok();
            }
            let dir = root.path().join(format!("{}", count + 1));
            count += 1;
            for name in ["ours", "lmdb", "redb"] {
                std::fs::create_dir_all(dir.join(name))?;
            }
            Ok(vec![
                Ours::open(&dir.join("ours"))?,
                Lmdb::open(&dir.join("lmdb"))?,
                Redb::open(&dir.join("redb"))?,
            ])
        };
        names = fresh()?.iter().map(|e| e.name()).collect();
        for (row, engines) in run(&mut fresh)?.into_iter().enumerate() {
            for (e, x) in engines.into_iter().enumerate() {
                results[row][e].push(x);
            }
        }
        for entry in std::fs::read_dir(root.path())? {
            std::fs::remove_dir_all(entry?.path())?;
        }
    }
    println!(
        "{:38} {:>10} {:>10} {:>10}   ours to LMDB, to redb (above 1: better)",
        "", names[0], names[1], names[2]
    );
    for ((what, more), row) in ROWS.iter().zip(&mut results) {
        let m: Vec<f64> = row.iter_mut().map(|runs| median(runs)).collect();
        let ratio = |other: f64| if *more { m[0] / other } else { other / m[0] };
        println!(
            "{what:38} {:10.2} {:10.2} {:10.2}   {:.2}x {:.2}x",
            m[0],
            m[1],
            m[2],
            ratio(m[1]),
            ratio(m[2])
        );
    }
    Ok(())
}
