//! `snapshot restore` as a library: the same bytes as etcdutl's, nothing left behind after a failure, and no obstacles
//! after a kill.

use std::{
    fs,
    path::{Path, PathBuf},
};

use etcd_maintenance::{
    golang::zap::Line,
    snapshot::{
        self,
        restore::{Error, Outcome, Plan, RestoreOptions, Target},
    },
};
use serde_json::Value;

use crate::fixture_data::{Scratch, bytes, expected, sha256};

/// The options with which a restored tree was created.
fn options(file: PathBuf, args: &Value) -> RestoreOptions {
    let mut options = RestoreOptions::new(file);
    let mut args = args.as_array().unwrap().iter().map(|a| a.as_str().unwrap());
    while let Some(flag) = args.next() {
        let mut value = || args.next().unwrap().to_owned();
        match flag {
            "--name" => options.name = value(),
            "--initial-cluster" => options.initial_cluster = value(),
            "--initial-cluster-token" => options.initial_cluster_token = value(),
            "--initial-advertise-peer-urls" => options.initial_advertise_peer_urls = value(),
            "--bump-revision" => options.bump_revision = value().parse().unwrap(),
            "--mark-compacted" => options.mark_compacted = true,
            "--skip-hash-check" => options.skip_hash_check = true,
            other => panic!("{other}"),
        }
    }
    options
}

fn run(options: RestoreOptions, dir: &Path) -> Result<(Outcome, Vec<Line>), Error> {
    let mut lines = Vec::new();
    let options = RestoreOptions {
        data_dir: Some(dir.to_owned()),
        ..options
    };
    let outcome = Plan::new(options)?.run(&mut |line| lines.push(line))?;
    Ok((outcome, lines))
}

/// Every file below `dir`, by its relative path.
fn files(dir: &Path) -> Vec<String> {
    let mut out = Vec::new();
    let mut todo = vec![dir.to_owned()];
    while let Some(next) = todo.pop() {
        let Ok(entries) = fs::read_dir(&next) else {
            continue;
        };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                todo.push(path);
            } else {
                let path = path.strip_prefix(dir).unwrap();
                out.push(path.to_str().unwrap().to_owned());
            }
        }
    }
    out.sort();
    out
}

#[test]
fn restored_files_equal_etcdutls_byte_for_byte() {
    let (expected, scratch) = (expected(), Scratch::new());
    let mut count = 0;
    for (tree, entry) in expected["trees"].as_object().unwrap() {
        if entry["kind"] != "restored" {
            continue;
        }
        let source = entry["restored_from"].as_str().unwrap();
        let file = scratch.good(source, &expected["files"][source]);
        let dir = scratch.path(tree);
        let (outcome, lines) = run(options(file, &entry["args"]), &dir).unwrap();
        assert_eq!(outcome.revision, entry["server_revision"], "{tree}");
        let messages: Vec<&str> = lines.iter().map(|l| l.message).collect();
        assert_eq!(messages.first(), Some(&"restoring snapshot"));
        assert!(messages.contains(&"added member"), "{messages:?}");
        assert_eq!(messages.last(), Some(&"restored snapshot"));
        let theirs = entry["files"].as_object().unwrap();
        assert_eq!(
            files(&dir),
            theirs.keys().cloned().collect::<Vec<_>>(),
            "{tree}"
        );
        for (name, theirs) in theirs {
            let ours = fs::read(dir.join(name)).unwrap();
            // 3.6 and older encode zero fields in log and raft snapshot, which 3.7 omits.
            let same = theirs["same_bytes_again"] == true
                && (entry["by"] == "3.7" || name == "member/snap/db");
            if same {
                assert_eq!(ours.len() as u64, theirs["size"], "{tree} {name}");
                if name == "member/snap/db" {
                    let want = bytes(&format!("trees/{tree}.db"));
                    if let Some(at) = ours.iter().zip(&want).position(|(a, b)| a != b) {
                        panic!(
                            "{tree} {name} differs from byte {at} on, page {}",
                            at / 4096
                        );
                    }
                }
                assert_eq!(
                    sha256(&ours),
                    theirs["sha256"].as_str().unwrap(),
                    "{tree} {name}"
                );
                count += 1;
            }
        }
        fs::remove_dir_all(dir).unwrap();
    }
    assert!(count > 20, "{count} files");
}

#[test]
fn a_failure_leaves_nothing() {
    let (expected, scratch) = (expected(), Scratch::new());
    let name = "basic-3.7.snapshot.db";
    let good = bytes(name);
    let mut flipped = good.clone();
    flipped[30_000] ^= 1;
    let mut page = good.clone();
    page[6 * 4096..7 * 4096].fill(0);
    let cut = good[..good.len() - 32].to_vec();
    for (damaged, skip, text) in [
        (&flipped, false, "expected sha256 ["),
        (
            &page,
            true,
            "page 6: bucket \"key\": its header says page 0",
        ),
        (
            &cut,
            false,
            "snapshot missing hash but --skip-hash-check=false",
        ),
        (&Vec::new(), false, "invalid argument"),
    ] {
        let file = scratch.write("damaged", damaged, damaged.len() as u64);
        let dir = scratch.path("above/data");
        let options = RestoreOptions {
            skip_hash_check: skip,
            ..RestoreOptions::new(&file)
        };
        let error = run(options.clone(), &dir).unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
        assert!(!scratch.path("above").exists(), "{text}");
        // A dry run reports the same.
        let plan = Plan::new(RestoreOptions {
            data_dir: Some(dir.clone()),
            ..options
        });
        assert_eq!(plan.unwrap().check_file().unwrap_err().to_string(), error);
        assert!(fs::read(&file).unwrap() == *damaged);
    }
    // An existing empty directory is kept.
    let dir = scratch.path("empty");
    fs::create_dir(&dir).unwrap();
    let file = scratch.write("damaged", &flipped, flipped.len() as u64);
    assert!(run(RestoreOptions::new(&file), &dir).is_err());
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 0);
    let file = scratch.good(name, &expected["files"][name]);
    run(RestoreOptions::new(file), &dir).unwrap();
    assert_eq!(files(&dir).len(), 3);
}

#[test]
fn existing_files_are_never_touched() {
    let (expected, scratch) = (expected(), Scratch::new());
    let name = "basic-3.7.snapshot.db";
    let file = scratch.good(name, &expected["files"][name]);
    let dir = scratch.path("full");
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("mine"), "1").unwrap();
    let error = run(RestoreOptions::new(&file), &dir)
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        format!(
            "data-dir \"{}\" not empty or could not be read",
            dir.display()
        )
    );
    let wal = scratch.path("wal");
    fs::create_dir(&wal).unwrap();
    let options = RestoreOptions {
        wal_dir: Some(wal.clone()),
        ..RestoreOptions::new(&file)
    };
    let error = run(options, &scratch.path("new")).unwrap_err().to_string();
    assert_eq!(error, format!("wal-dir \"{}\" exists", wal.display()));
    assert!(!scratch.path("new").exists());
    assert_eq!(files(&dir), ["mine"]);
}

/// What a kill leaves at any step: the work folder, with or without a log outside that has already been renamed.
#[test]
fn an_interrupted_restore_is_cleared_by_the_next() {
    let (expected, scratch) = (expected(), Scratch::new());
    let name = "basic-3.7.snapshot.db";
    let file = scratch.good(name, &expected["files"][name]);
    let (dir, wal) = (scratch.path("data"), scratch.path("wal"));
    let options = || RestoreOptions {
        wal_dir: Some(wal.clone()),
        ..RestoreOptions::new(&file)
    };
    let leave = |journal: Option<String>| {
        let work = dir.join(".restore.tmp");
        fs::create_dir_all(work.join("member/snap")).unwrap();
        fs::write(work.join("member/snap/db"), "half").unwrap();
        fs::create_dir_all(scratch.path("wal.restore.tmp")).unwrap();
        if let Some(journal) = journal {
            fs::write(work.join("wal-dir"), journal).unwrap();
        }
    };
    let restored = |what: &str| {
        run(options(), &dir).unwrap_or_else(|e| panic!("{what}: {e}"));
        assert_eq!(files(&dir).len(), 2, "{what}");
        assert_eq!(files(&wal).len(), 1, "{what}");
        assert!(!scratch.path("wal.restore.tmp").exists(), "{what}");
        fs::remove_dir_all(&dir).unwrap();
        fs::remove_dir_all(&wal).unwrap();
    };
    leave(None);
    restored("killed while building");
    // Killed between the two renames: the log has been renamed, and the journal says whose it is.
    fs::create_dir(&wal).unwrap();
    fs::write(wal.join("0000000000000000-0000000000000000.wal"), "").unwrap();
    let id = fs::metadata(&wal).unwrap();
    use std::os::unix::fs::MetadataExt as _;
    leave(Some(format!("{} {} {}", id.dev(), id.ino(), wal.display())));
    restored("killed between the renames");
    // A log that somebody else put there must not be removed.
    fs::create_dir(&wal).unwrap();
    leave(Some(format!("{} {} {}", id.dev(), 1, wal.display())));
    let error = run(options(), &dir).unwrap_err().to_string();
    assert!(error.ends_with("exists"), "{error}");
    assert!(wal.exists());
}

#[test]
fn two_concurrent_restores_do_not_interfere() {
    let (expected, scratch) = (expected(), Scratch::new());
    let name = "basic-3.7.snapshot.db";
    let file = scratch.good(name, &expected["files"][name]);
    let dir = scratch.path("data");
    let results: Vec<Result<_, Error>> = std::thread::scope(|scope| {
        let start = || scope.spawn(|| run(RestoreOptions::new(&file), &dir));
        let threads: Vec<_> = (0..4).map(|_| start()).collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert!(results.iter().filter(|r| r.is_ok()).count() <= 1);
    if results.iter().any(Result::is_ok) {
        assert_eq!(files(&dir).len(), 3);
    } else {
        // Each failed because of the other; the next one succeeds.
        run(RestoreOptions::new(&file), &dir).unwrap();
    }
}

#[test]
fn a_directory_for_our_own_server() {
    let (expected, scratch) = (expected(), Scratch::new());
    let name = "basic-3.5.snapshot.db";
    let file = scratch.good(name, &expected["files"][name]);
    let dir = scratch.path("served");
    let options = RestoreOptions {
        for_serve: true,
        bump_revision: 1000,
        mark_compacted: true,
        ..RestoreOptions::new(file)
    };
    let (outcome, _) = run(options, &dir).unwrap();
    assert_eq!(files(&dir), ["db"]);
    let before = expected["files"][name]["facts"]["server_revision"]
        .as_i64()
        .unwrap();
    assert_eq!(outcome.revision, before + 1000);
    let hash = snapshot::hash_kv(dir.join("db"), 0).unwrap();
    assert_eq!(hash.hash_revision, before + 1000);
}

#[test]
fn older_targets_lose_what_they_do_not_know() {
    let (expected, scratch) = (expected(), Scratch::new());
    let name = "downgrading-3.7.snapshot.db";
    let file = scratch.good(name, &expected["files"][name]);
    for (target, version) in [
        (Target::V3_7, "3.7.0"),
        (Target::V3_6, "3.6.0"),
        (Target::V3_5, ""),
        (Target::V3_4, ""),
    ] {
        let dir = scratch.path(&format!("for-{target}"));
        let options = RestoreOptions {
            target: Some(target),
            ..RestoreOptions::new(&file)
        };
        run(options, &dir).unwrap();
        let status = snapshot::status(dir.join("member/snap/db")).unwrap();
        assert_eq!(status.version, version, "{target}");
    }
    assert!("3.8".parse::<Target>().is_err());
}

#[test]
fn a_bump_past_all_revisions_is_refused() {
    let (expected, scratch) = (expected(), Scratch::new());
    let name = "basic-3.7.snapshot.db";
    let file = scratch.good(name, &expected["files"][name]);
    for bump in [u64::MAX, 1 << 63, 1 << 62] {
        let options = RestoreOptions {
            bump_revision: bump,
            mark_compacted: true,
            ..RestoreOptions::new(&file)
        };
        let error = run(options, &scratch.path("never"))
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with(&format!("--bump-revision={bump} is too much")),
            "{error}"
        );
        assert!(!scratch.path("never").exists());
    }
}
