//! Every damaged file: never a panic, a hang or a write. Detectable damage is reported on one line; otherwise the
//! answer is that of etcdutl.
//!
//! The expected output of `snapshot status` is in `tests/data/damaged.txt`. After an intended change,
//! `UPDATE_EXPECTED=1 cargo test --test engine damaged` updates it.

use std::path::{Path, PathBuf};

use etcd_maintenance::snapshot::{self, Error, Status};
use serde_json::{Value, json};

use crate::fixture_data::{Scratch, bytes, damaged, damaged_files, expected, sha256};

fn status_json(s: &Status) -> Value {
    json!({
        "hash": s.hash,
        "revision": s.revision,
        "totalKey": s.total_key,
        "totalSize": s.total_size,
        "version": s.version,
    })
}

/// The status and the error, if any. Checks that the file is unchanged.
fn outcome(path: &Path) -> (Option<Status>, Option<String>) {
    let before = std::fs::metadata(path).unwrap().modified().unwrap();
    let result = snapshot::status(path);
    assert_eq!(
        std::fs::metadata(path).unwrap().modified().unwrap(),
        before,
        "{} was written to",
        path.display()
    );
    match result {
        Ok(s) => (Some(s), None),
        Err(e) => {
            let text = e.to_string();
            assert!(!text.contains('\n'), "more than a line: {text}");
            let file = path.display().to_string();
            let text = text.strip_prefix(&file);
            let text = text.unwrap_or_else(|| panic!("{file} is not named: {e}"));
            let status = match &e {
                Error::Integrity { status, .. } => status.as_deref().cloned(),
                _ => None,
            };
            (status, Some(format!("FILE{text}")))
        }
    }
}

#[test]
fn damaged_files_are_reported_as_recorded() {
    let (expected, scratch) = (expected(), Scratch::new());
    let mut table = String::new();
    for (name, entry) in damaged_files(&expected) {
        let bytes = damaged(entry);
        assert_eq!(sha256(&bytes), entry["sha256"].as_str().unwrap(), "{name}");
        let path = scratch.write(name, &bytes, bytes.len() as u64);
        let (status, error) = outcome(&path);
        assert!(
            std::fs::read(&path).unwrap() == bytes,
            "{name} was written to"
        );

        let theirs = &entry["status"]["3.7"];
        match (&status, theirs["result"] == "ok") {
            // A status that is printed must be etcdutl's, whatever else is reported.
            (Some(s), true) => assert_eq!(status_json(s), theirs["stdout"], "{name}"),
            (Some(_), false) => panic!("{name}: etcdutl says {theirs}"),
            (None, _) => assert!(error.is_some(), "{name}"),
        }
        let shown = match (status, error) {
            (Some(_), None) => "status".to_owned(),
            (Some(_), Some(e)) => format!("status, {e}"),
            (None, e) => e.unwrap(),
        };
        table += &format!("{name}: {shown}\n");
    }
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/damaged.txt");
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        std::fs::write(&kept, &table).unwrap();
    }
    let kept = std::fs::read_to_string(kept).unwrap();
    for (ours, kept) in table.lines().zip(kept.lines()) {
        assert_eq!(ours, kept);
    }
    assert_eq!(table.lines().count(), kept.lines().count());
    assert!(table.lines().count() > 160);
}

#[test]
fn the_other_readers_do_not_panic() {
    let (expected, scratch) = (expected(), Scratch::new());
    for (name, entry) in damaged_files(&expected) {
        let bytes = damaged(entry);
        let path = scratch.write(name, &bytes, bytes.len() as u64);
        let ours = [
            snapshot::hash_kv(&path, 0).map(drop),
            snapshot::live_keys(&path, 0).map(drop),
        ];
        // They check everything that status checks, except the digest.
        let sound = outcome(&path).0.is_some();
        for result in ours {
            assert_eq!(result.is_ok(), sound, "{name}: {result:?}");
        }
        let _ = snapshot::verify(&path);
    }
}

#[test]
fn files_with_a_hole_of_a_terabyte() {
    let (expected, scratch) = (expected(), Scratch::new());
    let mut seen = 0;
    for (name, entry) in expected["sparse"].as_object().unwrap() {
        let path = scratch.write(name, &damaged(entry), entry["size"].as_u64().unwrap());
        let (status, error) = outcome(&path);
        let theirs = &entry["status"]["3.7"];
        if theirs["result"] == "ok" {
            let status = status.unwrap_or_else(|| panic!("{name}: {error:?}"));
            assert_eq!(status_json(&status), theirs["stdout"], "{name}");
            // Only the one with the length of a file with a digest has a wrong digest.
            assert_eq!(
                error.is_some(),
                name.contains("sealed"),
                "{name}: {error:?}"
            );
        } else {
            assert!(error.is_some() && status.is_none(), "{name}");
        }
        seen += 1;
    }
    assert_eq!(seen, 3);
}

#[test]
fn paths_that_are_not_files() {
    let scratch = Scratch::new();
    let file = scratch.write("file", b"", 0);
    let text = |path: PathBuf| snapshot::status(path).unwrap_err().to_string();
    let missing = file.with_file_name("none");
    assert_eq!(
        text(missing.clone()),
        format!("stat {}: no such file or directory", missing.display())
    );
    let below = file.join("x");
    assert_eq!(
        text(below.clone()),
        format!("stat {}: not a directory", below.display())
    );
    let folder = file.parent().unwrap().to_owned();
    assert_eq!(
        text(folder.clone()),
        format!(
            "{}: not a bolt database: it is not a regular file",
            folder.display()
        )
    );
}

/// A snapshot with any flipped bit is never considered intact, and nothing panics.
#[test]
fn no_flipped_bit_goes_unseen() {
    let seed: u64 = match std::env::var("SEED") {
        Ok(text) => text.parse().unwrap(),
        Err(_) => 1,
    };
    println!("SEED={seed}");
    let mut state = seed | 1;
    let mut random = || {
        // xorshift64
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let scratch = Scratch::new();
    let good = bytes("accounts-3.7.snapshot.db");
    for _ in 0..300 {
        let mut bad = good.clone();
        // Half of them where there is more structure: metas, page headers, elements.
        let within = if random() % 2 == 0 {
            4096
        } else {
            good.len() as u64
        };
        let page = random() % (good.len() as u64 / 4096) * 4096;
        let at = (page + random() % within.min(256)) as usize % good.len();
        let at = if within == 4096 {
            at
        } else {
            (random() % within) as usize
        };
        let bit = 1 << (random() % 8);
        bad[at] ^= bit;
        let path = scratch.write("flipped.db", &bad, bad.len() as u64);
        assert!(snapshot::status(&path).is_err(), "byte {at}, bit {bit}");
        let _ = snapshot::hash_kv(&path, 0);
        let _ = snapshot::live_keys(&path, 0);
    }
}
