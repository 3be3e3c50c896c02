//! `snapshot verify` as a library: every good file passes, and every file on which etcd crashes, or which it serves
//! incorrectly, fails.

use std::{fs, path::Path};

use etcd_maintenance::snapshot::examine::{
    Examination, ExamineOptions, Layer, LayerStatus, examine,
};
use sha2::Digest as _;

use crate::fixture_data::{Scratch, bytes, damaged, expected, good_files};

fn verdict(path: &Path) -> Examination {
    examine(path, &ExamineOptions::default()).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn layer(path: &Path) -> Option<Layer> {
    verdict(path).first_bad()
}

#[test]
fn every_good_file_is_good() {
    let (expected, scratch) = (expected(), Scratch::new());
    for (name, entry) in good_files(&expected) {
        let path = scratch.good(name, entry);
        let examination = verdict(&path);
        assert_eq!(
            examination.first_bad(),
            None,
            "{name}: {:?}",
            examination.layers
        );
        assert!(!examination.restorable_by.is_empty(), "{name}");
        let revision = entry["facts"]["server_revision"].as_i64();
        if let Some(revision) = revision {
            assert_eq!(examination.revision, revision, "{name}");
        }
    }
    for (name, entry) in expected["trees"].as_object().unwrap() {
        let size = entry["files"]["member/snap/db"]["size"].as_u64().unwrap();
        let path = scratch.write(name, &bytes(&format!("trees/{name}.db")), size);
        let examination = verdict(&path);
        assert_eq!(
            examination.first_bad(),
            None,
            "{name}: {:?}",
            examination.layers
        );
    }
}

/// Damage that loses nothing and that only an older copy or a digest could reveal.
const UNSEEN: &[&str] = &[
    // A changed value with a corrected digest, which `--against` would find.
    "flip-leaf-value.db",
    "flip-leaf-value-3.4.db",
    // An unused area.
    "flip-free-page.db",
    "flip-free-page-header.db",
    "flip-after-elements.db",
    // What a crash leaves in a member's file: the previous commit is used, and the log has the rest.
    "member-current-meta.db",
    "member-torn-meta.db",
    // The pages are complete; `restore` reports the missing digest.
    "cut-trailer.db",
];

#[test]
fn every_damaged_file_is_bad() {
    let (expected, scratch) = (expected(), Scratch::new());
    let mut wrong = Vec::new();
    for (name, entry) in expected["files"].as_object().unwrap() {
        let Some(name) = name.strip_prefix("damaged/") else {
            continue;
        };
        if !name.ends_with(".db") {
            continue;
        }
        let bytes = damaged(entry);
        let path = scratch.write(name, &bytes, bytes.len() as u64);
        let bad = layer(&path).is_some();
        if bad == UNSEEN.contains(&name) {
            wrong.push(format!("{name}: {}: bad {bad}", entry["text"]));
        }
        assert!(fs::read(&path).unwrap() == bytes, "{name} was changed");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_first_layer_that_fails_is_named() {
    let (expected, scratch) = (expected(), Scratch::new());
    for (name, wanted) in [
        ("flip-trailer.db", Layer::Digest),
        ("page-of-zeros-fresh.db", Layer::Pages),
        ("record-mod-revision.db", Layer::Records),
        ("record-key-huge.db", Layer::Records),
        ("lease-missing.db", Layer::Invariants),
        ("meta-finished-compact-future.db", Layer::Invariants),
        ("bucket-unknown.db", Layer::Cluster),
        ("meta-storage-version-3.9.db", Layer::Cluster),
    ] {
        let bytes = damaged(&expected["files"][format!("damaged/{name}")]);
        let path = scratch.write(name, &bytes, bytes.len() as u64);
        let examination = verdict(&path);
        assert_eq!(
            examination.first_bad(),
            Some(wanted),
            "{name}: {:?}",
            examination.layers
        );
    }
    assert_eq!(Layer::Digest.exit_code(), 10);
    assert_eq!(Layer::Required.exit_code(), 17);
}

/// Changes every byte of a small snapshot, and truncates it at every length.
#[test]
fn every_flip_and_every_cut_is_found() {
    let scratch = Scratch::new();
    let good = bytes("accounts-3.7.snapshot.db");
    let quick = ExamineOptions {
        rehearse: false,
        ..ExamineOptions::default()
    };
    let bad = |path: &Path, bytes: &[u8]| {
        fs::write(path, bytes).unwrap();
        let examination = examine(path, &quick).unwrap();
        examination.first_bad().is_some()
    };
    assert!(!bad(&scratch.path("good"), &good));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for at in 0..good.len() {
                let mut flipped = good.clone();
                flipped[at] ^= 1 << (at % 8);
                assert!(bad(&scratch.path("flipped"), &flipped), "byte {at}");
            }
        });
        for end in 0..good.len() {
            // All pages without the digest are a valid member's database.
            if end != good.len() - 32 {
                assert!(bad(&scratch.path("cut"), &good[..end]), "cut at {end}");
            }
        }
    });
}

/// The same with a corrected digest: damage is reported or harmless, and nothing panics.
#[test]
fn a_right_digest_does_not_make_it_panic() {
    let scratch = Scratch::new();
    let good = bytes("accounts-3.7.snapshot.db");
    let path = scratch.path("file");
    let size = good.len() - 32;
    let mut found = 0;
    for at in 0..size {
        let mut flipped = good.clone();
        flipped[at] ^= 1 << (at % 8);
        let digest = sha2::Sha256::digest(&flipped[..size]);
        flipped[size..].copy_from_slice(&digest);
        fs::write(&path, &flipped).unwrap();
        let examination = verdict(&path);
        found += usize::from(examination.first_bad().is_some());
        for report in &examination.layers {
            assert!(!report.text.contains('\n'), "byte {at}: {report:?}");
        }
    }
    assert!(found > 1000, "{found}");
}

#[test]
fn what_is_required_is_looked_for() {
    let (expected, scratch) = (expected(), Scratch::new());
    let name = "basic-3.7.snapshot.db";
    let path = scratch.good(name, &expected["files"][name]);
    let ask = |options: ExamineOptions| {
        let examination = examine(&path, &options).unwrap();
        let report = examination.layers.last().unwrap().clone();
        (examination.first_bad(), report)
    };
    let (bad, report) = ask(ExamineOptions {
        min_keys: 34,
        ..ExamineOptions::default()
    });
    assert_eq!(bad, Some(Layer::Required));
    assert_eq!(report.text, "33 live keys, fewer than 34");
    let (bad, report) = ask(ExamineOptions {
        require_keys: vec![b"never there".to_vec()],
        min_keys: 33,
        ..ExamineOptions::default()
    });
    assert_eq!(bad, Some(Layer::Required));
    assert_eq!(report.text, "key \"never there\" is not there");
    let (bad, report) = ask(ExamineOptions {
        min_keys: 33,
        max_age: Some(std::time::Duration::from_secs(3600)),
        rehearse: false,
        ..ExamineOptions::default()
    });
    assert_eq!((bad, report.status), (None, LayerStatus::Ok));
}
