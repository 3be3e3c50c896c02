//! `snapshot salvage` as a library: whatever is done to a file, the result is either a good snapshot that contains
//! nothing that the file did not contain, or no file.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use etcd_maintenance::{
    bolt::FileReader,
    schema::key::KeyValueRef,
    snapshot::{
        self,
        examine::{ExamineOptions, examine},
        salvage::{From, SalvageError, SalvageOptions, Salvaged, Source, salvage},
    },
};

use crate::fixture_data::{Scratch, bytes, damaged, damaged_files, expected};
use crate::remade;

/// Salvages `path` to a new file, and checks the properties of every salvage.
pub(crate) fn saved(
    path: &Path,
    options: &SalvageOptions,
) -> Result<(Salvaged, PathBuf), SalvageError> {
    let before = fs::read(path).unwrap();
    let out = path.with_extension("saved");
    let _ = fs::remove_file(&out);
    let result = salvage(path, &out, options);
    assert!(fs::read(path).unwrap() == before, "the file was changed");
    let salvaged = match result {
        Ok(salvaged) => salvaged,
        Err(error) => {
            assert!(!error.to_string().contains('\n'), "{error}");
            assert!(!out.exists(), "{error}");
            return Err(error);
        }
    };
    let mode = fs::metadata(&out).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let verdict = examine(&out, &ExamineOptions::default()).unwrap();
    assert_eq!(verdict.first_bad(), None, "{:?}", verdict.layers);
    assert_eq!(verdict.revision, salvaged.revision);
    assert_eq!(verdict.live, salvaged.keys);
    for value in remade::read(&out)[b"key".as_slice()].values() {
        let kv = KeyValueRef::decode(value).unwrap();
        assert!(holds(&before, kv.key), "a key that was not there");
        assert!(holds(&before, kv.value), "a value that was not there");
    }
    Ok((salvaged, out))
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    part.is_empty() || bytes.windows(part.len()).any(|w| w == part)
}

/// Live keys with their values.
fn live(path: &Path) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let keys = snapshot::live_keys(path, 0).unwrap().kvs;
    keys.into_iter()
        .map(|kv| (kv.key.to_vec(), kv.value.to_vec()))
        .collect()
}

pub(crate) fn history() -> SalvageOptions {
    SalvageOptions {
        keep_history: true,
        ..SalvageOptions::default()
    }
}

#[test]
fn a_sound_file_loses_nothing() {
    let (expected, scratch) = (expected(), Scratch::new());
    for name in [
        "basic-3.4.snapshot.db",
        "basic-3.5.member.db",
        "rich-3.7.snapshot.db",
        "accounts-3.5.snapshot.db",
        "cluster-3.7.snapshot.db",
        "killed-3.6.member.db",
        "alldeleted-3.4.snapshot.db",
        "empty-3.7.snapshot.db",
        "basic-3.7-page16384.snapshot.db",
    ] {
        let path = scratch.good(name, &expected["files"][name]);
        let (with_history, out) = saved(&path, &history()).unwrap();
        assert_eq!(live(&out), live(&path), "{name}");
        let mut before = remade::read(&path);
        let after = remade::read(&out);
        // Unfinished compactions have been finished; everything else is unchanged.
        if with_history.superseded == 0 {
            before.remove(b"meta".as_slice());
            let mut after = after.clone();
            after.remove(b"meta".as_slice());
            assert!(before == after, "{name}");
        }
        assert_eq!(with_history.source, Source::Tree, "{name}");
        assert!(with_history.tree.is_empty(), "{name}");
        let (newest, out) = saved(&path, &SalvageOptions::default()).unwrap();
        assert_eq!(live(&out), live(&path), "{name}");
        assert_eq!(newest.keys, with_history.keys, "{name}");
    }
}

/// One worker of [`every_flip_and_cut_gives_a_good_file_or_a_refusal`], with files of its own.
struct Worker<'a> {
    good: &'a [u8],
    /// The position of each key and value in `good`, where it is searched for first.
    places: &'a BTreeMap<Vec<u8>, usize>,
    keys: &'a BTreeMap<Vec<u8>, Vec<u8>>,
    file: PathBuf,
    out: PathBuf,
    /// The salvaged files that have been checked: their keys and values, and whether they contain all keys.
    checked: HashMap<Vec<u8>, (Vec<Vec<u8>>, bool)>,
    saved_all: usize,
    /// Number of files that were rejected, because they end before the records.
    refused: usize,
}

impl Worker<'_> {
    /// Salvages `bytes`, and checks the result as [`saved`] does. Equal results are checked once.
    fn check(&mut self, bytes: &[u8], options: &SalvageOptions, what: &str) {
        fs::write(&self.file, bytes).unwrap();
        let _ = fs::remove_file(&self.out);
        let result = salvage(&self.file, &self.out, options);
        assert!(fs::read(&self.file).unwrap() == bytes, "{what}: changed");
        match result {
            Ok(_) => {}
            Err(error @ (SalvageError::Nothing { .. } | SalvageError::File(_))) => {
                assert!(!self.out.exists(), "{what}");
                let is_cut = bytes.len() < self.good.len();
                assert!(is_cut, "{what}: {error}");
                self.refused += 1;
                return;
            }
            Err(other) => panic!("{what}: {other}"),
        }
        let made = fs::read(&self.out).unwrap();
        if !self.checked.contains_key(&made) {
            let verdict = examine(&self.out, &ExamineOptions::default()).unwrap();
            assert_eq!(verdict.first_bad(), None, "{what}: {:?}", verdict.layers);
            let parts = parts(&self.out);
            let all = live(&self.out) == *self.keys;
            self.checked.insert(made.clone(), (parts, all));
        }
        let (parts, all) = &self.checked[&made];
        for part in parts {
            let place = self.places.get(part).copied();
            let there = place.is_some_and(|at| bytes.get(at..at + part.len()) == Some(part));
            assert!(there || holds(bytes, part), "{what}: {part:?} is invented");
        }
        self.saved_all += usize::from(*all);
    }

    /// The share of worker `number` of `workers`.
    fn run(&mut self, number: usize, workers: usize) {
        let bits = self.good.len() * 8;
        for bit in (number..bits).step_by(workers) {
            let (at, bit) = (bit / 8, bit % 8);
            let mut flipped = self.good.to_vec();
            flipped[at] ^= 1 << bit;
            let what = format!("byte {at}, bit {bit}");
            self.check(&flipped, &SalvageOptions::default(), &what);
            if bit == at % 8 {
                self.check(&flipped, &history(), &what);
            }
        }
        for end in (number..self.good.len()).step_by(workers) {
            let what = format!("cut at {end}");
            self.check(&self.good[..end], &SalvageOptions::default(), &what);
        }
    }
}

/// The keys and values of the history of a file.
fn parts(path: &Path) -> Vec<Vec<u8>> {
    let mut parts = Vec::new();
    for value in remade::read(path)[b"key".as_slice()].values() {
        let kv = KeyValueRef::decode(value).unwrap();
        parts.extend([kv.key.to_vec(), kv.value.to_vec()]);
    }
    parts
}

/// Flips every bit of a small snapshot, and truncates it at every length. Each salvage produces a file that `verify` calls
/// good, and that contains no key or value which the damaged file does not contain. Only files that end before the records
/// are rejected. For one bit of every byte, `keep_history` is tried too.
#[test]
fn every_flip_and_cut_gives_a_good_file_or_a_refusal() {
    let scratch = Scratch::new();
    let good = remade::small(&scratch);
    let keys = live(&scratch.path("small"));
    let place = |part: &Vec<u8>| good.windows(part.len().max(1)).position(|w| w == part);
    let places: BTreeMap<Vec<u8>, usize> = parts(&scratch.path("small"))
        .into_iter()
        .filter_map(|part| place(&part).map(|at| (part, at)))
        .collect();
    // In memory if possible: each salvage syncs its file.
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    let folder = folder.unwrap();
    let workers = std::thread::available_parallelism().map_or(2, |n| n.get().clamp(2, 8));
    let (mut saved_all, mut refused) = (0, 0);
    std::thread::scope(|scope| {
        let start = |number: usize| {
            let mut worker = Worker {
                good: &good,
                places: &places,
                keys: &keys,
                file: folder.path().join(format!("damaged{number}")),
                out: folder.path().join(format!("saved{number}")),
                checked: HashMap::new(),
                saved_all: 0,
                refused: 0,
            };
            scope.spawn(move || {
                worker.run(number, workers);
                (worker.saved_all, worker.refused)
            })
        };
        let threads: Vec<_> = (0..workers).map(start).collect();
        for thread in threads {
            let (saved, none) = thread.join().unwrap();
            saved_all += saved;
            refused += none;
        }
    });
    // After almost all flips, every key is readable. Only files that end before the last page of records are rejected.
    let len = good.len();
    println!("{len} bytes: {saved_all} whole, {refused} refused");
    let records = places.values().max().unwrap().next_multiple_of(1024);
    assert!(saved_all > len * 8, "{saved_all}");
    assert!(refused <= records, "{refused}, {records}");
}

#[test]
fn every_damaged_file_gives_a_good_one_or_a_refusal() {
    let (expected, scratch) = (expected(), Scratch::new());
    let (mut done, mut refused) = (0, Vec::new());
    for (name, entry) in damaged_files(&expected) {
        let bytes = damaged(entry);
        let path = scratch.write(name, &bytes, bytes.len() as u64);
        match saved(&path, &SalvageOptions::default()) {
            Ok(_) => done += 1,
            Err(SalvageError::NotSound { layer, what, .. }) => {
                panic!("{name}: {}: {layer}: {what}", entry["text"])
            }
            Err(error) => refused.push(format!("{name}: {error}")),
        }
    }
    println!("{done} salvaged\n{}", refused.join("\n"));
    assert!(
        done >= 150 && refused.len() <= 16,
        "{done}, {}",
        refused.len()
    );
}

#[test]
fn records_that_no_tree_reaches_are_found_by_a_scan() {
    let (expected, scratch) = (expected(), Scratch::new());
    let name = "fragmented-3.7.defragged.snapshot.db";
    let good = scratch.good(name, &expected["files"][name]);
    let (whole, keys) = (fs::read(&good).unwrap(), live(&good));
    let page = 4096;
    let root = FileReader::open(&good).unwrap().meta().root as usize;
    // Both metas, or the root of all trees.
    let metas = |bytes: &mut Vec<u8>| bytes[..2 * page].fill(0);
    let tree = |bytes: &mut Vec<u8>| bytes[root * page..(root + 1) * page].fill(0xff);
    for (what, damage) in [("metas", &metas as &dyn Fn(&mut Vec<u8>)), ("root", &tree)] {
        let mut bytes = whole.clone();
        damage(&mut bytes);
        let path = scratch.path(what);
        fs::write(&path, &bytes).unwrap();
        let (salvaged, out) = saved(&path, &SalvageOptions::default()).unwrap();
        assert_eq!(salvaged.source, Source::Scan, "{what}");
        assert_eq!(live(&out), keys, "{what}");
        assert!(!salvaged.tree.is_empty(), "{what}");
        assert!(salvaged.scan.unwrap().only_there > 0, "{what}");
    }
}

#[test]
fn the_older_meta_helps_where_the_newer_ones_tree_is_broken() {
    let (expected, scratch) = (expected(), Scratch::new());
    let name = "basic-3.7.member.db";
    let good = scratch.good(name, &expected["files"][name]);
    let keys = live(&good);
    let reader = FileReader::open(&good).unwrap();
    let [Ok(a), Ok(b)] = &reader.metas().pages else {
        panic!("both metas are valid")
    };
    let newest = reader.meta().root;
    let older = if a.root == newest { b.root } else { a.root };
    assert_ne!(newest, older, "the last transaction wrote something");
    let mut bytes = fs::read(&good).unwrap();
    bytes[newest as usize * 4096..][..4096].fill(0);
    let path = scratch.path("broken");
    fs::write(&path, &bytes).unwrap();
    let (salvaged, out) = saved(&path, &SalvageOptions::default()).unwrap();
    assert_eq!(salvaged.source, Source::Meta);
    assert_eq!(live(&out), keys);
    // A single source, on request.
    let only = |from| SalvageOptions {
        from,
        ..SalvageOptions::default()
    };
    assert!(matches!(
        saved(&path, &only(From::Tree)),
        Err(SalvageError::Nothing { .. })
    ));
    assert_eq!(live(&saved(&path, &only(From::Meta)).unwrap().1), keys);
    let scanned = live(&saved(&path, &only(From::Scan)).unwrap().1);
    assert!(
        keys.iter()
            .all(|(key, value)| scanned.get(key) == Some(value))
    );
}

#[test]
fn existing_outputs_and_unusable_files_are_rejected() {
    let scratch = Scratch::new();
    let good = bytes("basic-3.7.snapshot.db");
    let path = scratch.write("good", &good, good.len() as u64);
    let out = scratch.write("out", b"mine", 4);
    let error = salvage(&path, &out, &SalvageOptions::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("create {}: file exists", out.display())
    );
    assert_eq!(fs::read(&out).unwrap(), b"mine");
    let free = scratch.path("free");
    let dry = SalvageOptions {
        dry_run: true,
        ..SalvageOptions::default()
    };
    assert!(salvage(&path, &free, &dry).unwrap().keys > 0);
    assert!(!free.exists());
    for (name, bytes) in [
        ("text", vec![b'x'; 40_000]),
        ("empty", vec![]),
        ("zeros", vec![0; 40_000]),
    ] {
        let path = scratch.write(name, &bytes, bytes.len() as u64);
        let error = salvage(&path, &free, &SalvageOptions::default()).unwrap_err();
        assert!(
            error.to_string().starts_with(&path.display().to_string()),
            "{error}"
        );
        assert!(!free.exists());
    }
    let names: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().collect();
    assert_eq!(names.len(), 5, "nothing is left behind: {names:?}");
}
