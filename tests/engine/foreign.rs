//! Files written by other programs, intact and damaged, opened for writing; and files that change while being read.
//! Intact files remain usable; damaged ones may or may not be rejected, but nothing panics or hangs.

use std::path::Path;

use etcd_maintenance::bolt::{Db, Error, FileReader, Options};

use super::fixture_data::{bytes, damaged, expected, folder};
use super::support::{Change, Model, Rng, assert_same, assert_sound, dump, dump_file, keep, small};

fn names() -> Vec<String> {
    let names = std::fs::read_dir(folder())
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names
        .filter_map(|n| n.strip_suffix(".db.gz").map(str::to_owned))
        .collect();
    names.sort();
    names
}

/// Members' files and snapshots of four versions of etcd, with inline buckets, freelists and other page sizes: opened,
/// changed, defragmented and opened again.
#[test]
fn files_of_etcd_are_continued() {
    let names = names();
    assert!(names.len() > 30, "only {} files", names.len());
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let mut rng = Rng::new("files of etcd", 31);
    for name in names {
        std::fs::write(&path, bytes(&format!("{name}.db"))).unwrap();
        let mut model = dump_file(&path);
        let db = Db::open(&path, Options::default()).unwrap();
        assert_same(&dump(&db.read()), &model, &name);
        assert_sound(&db, &name);
        for round in 0..3 {
            let buckets: Vec<String> = model
                .0
                .keys()
                .map(|k| String::from_utf8(k.clone()).unwrap())
                .collect();
            let mut c = Change::new(&mut model);
            for bucket in &buckets {
                for key in c.keys(bucket) {
                    if rng.chance(20) {
                        c.delete(bucket, key);
                    }
                }
                for _ in 0..rng.below(30) {
                    c.put(
                        bucket,
                        format!("{:04}", rng.below(500)),
                        vec![round; rng.below(900) as usize],
                    );
                }
            }
            db.claim(c.batch.bytes(), c.batch.ops()).unwrap();
            db.commit(&c.batch).unwrap();
            assert_same(&dump(&db.read()), &model, &name);
            assert_sound(&db, &name);
        }
        drop(db);
        assert_same(&dump_file(&path), &model, &name);
        keep(&path, &format!("{name}.changed"));
        let db = Db::open(&path, Options::default()).unwrap();
        let sizes = db.defragment().unwrap();
        assert_eq!(sizes.total, sizes.in_use);
        assert_same(&dump(&db.read()), &model, &name);
        assert_sound(&db, &name);
        drop(db);
        keep(&path, &format!("{name}.defragged"));
    }
}

/// Does everything possible with a file; any result is acceptable.
fn exercise(path: &Path) -> Result<(), Error> {
    let before = std::fs::read(path).unwrap();
    let db = Db::open(path, small(4096)).inspect_err(|_| {
        let unchanged = std::fs::read(path).is_ok_and(|after| after == before);
        assert!(unchanged, "a refused file was written to");
    })?;
    let tx = db.read();
    for bucket in tx.buckets()? {
        let Ok((_, bucket)) = bucket else { continue };
        let _ = bucket.last();
        let _ = bucket.get(b"\0\0\0\0\0\0\0\x20_\0\0\0\0\0\0\0\0");
        // Walking a damaged tree may take long, but must end.
        if let Ok(entries) = bucket.iter() {
            assert!(entries.take(1_000_000).count() < 1_000_000);
        }
    }
    let findings = db.check()?.findings.len();
    let mut model = Model::default();
    let mut c = Change::new(&mut model);
    for n in 0..60u64 {
        let mut key = n.to_be_bytes().to_vec();
        key.extend(b"_\0\0\0\0\0\0\0\0");
        match n % 3 {
            0 => c.delete("key", key),
            _ => c.put("key", key, vec![1; 200]),
        }
    }
    c.put("meta", "consistent_index", vec![0; 8]);
    c.delete_bucket("lease");
    let committed = db.commit(&c.batch);
    let _ = db.defragment();
    // All of this succeeds with an intact file.
    if findings == 0 {
        committed?;
        assert_sound(&db, &path.display().to_string());
    }
    Ok(())
}

#[test]
fn damaged_files_are_refused_or_not_but_nothing_panics() {
    let expected = expected();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let (mut refused, mut taken) = (0, 0);
    for (name, entry) in expected["files"].as_object().unwrap() {
        if entry["pieces"].is_null() || name.ends_with(".wal") {
            continue;
        }
        std::fs::write(&path, damaged(entry)).unwrap();
        match exercise(&path) {
            Ok(()) => taken += 1,
            Err(e) => {
                assert!(e.to_string().contains("/db: "), "{name}: {e}");
                refused += 1;
            }
        }
    }
    assert!(
        refused > 60 && taken > 30,
        "{refused} refused, {taken} taken"
    );
}

/// Random bytes changed in a database of our own, including its metas.
#[test]
fn flipped_bytes_do_not_panic() {
    let mut rng = Rng::new("flipped bytes", 32);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let db = Db::open(&path, small(1024)).unwrap();
    let mut model = Model::default();
    let mut c = Change::new(&mut model);
    for i in 0..300u64 {
        let mut key = i.to_be_bytes().to_vec();
        key.extend(b"_\0\0\0\0\0\0\0\0");
        c.put("key", key, vec![2; rng.below(200) as usize]);
        c.put(
            ["meta", "lease", "alarm"][(i % 3) as usize],
            format!("{i}"),
            vec![3; 10],
        );
    }
    db.commit(&c.batch).unwrap();
    let mut good = Vec::new();
    db.read().write_to(&mut good).unwrap();
    assert_sound(&db, "the good file");
    drop(db);
    for _ in 0..250 {
        let mut bad = good.clone();
        for _ in 0..1 + rng.below(4) {
            // Change headers and element tables more often than values.
            let page = rng.below(bad.len() as u64 / 1024);
            let at = page * 1024
                + if rng.chance(70) {
                    rng.below(120)
                } else {
                    rng.below(1024)
                };
            bad[at as usize] = if rng.chance(30) {
                0xff
            } else {
                (rng.next() & 255) as u8
            };
        }
        std::fs::write(&path, &bad).unwrap();
        let _ = exercise(&path);
        let _ = FileReader::open(&path).and_then(|f| f.check());
    }
}

/// Truncating a file while it is read causes an error, not a signal or a wrong result.
#[test]
fn a_file_cut_while_it_is_read_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let db = Db::open(&path, small(4096)).unwrap();
    let mut model = Model::default();
    let mut c = Change::new(&mut model);
    for i in 0..2000 {
        c.put("key", format!("{i:05}"), vec![4; 1000]);
    }
    db.commit(&c.batch).unwrap();
    assert_sound(&db, "the file");
    drop(db);
    let reader = FileReader::open(&path).unwrap();
    let bucket = reader.bucket(b"key").unwrap().unwrap();
    let mut entries = bucket.iter().unwrap();
    for _ in 0..10 {
        entries.next().unwrap().unwrap();
    }
    std::fs::File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(600_000)
        .unwrap();
    let e = entries
        .find_map(Result::err)
        .expect("the end of the file was not seen");
    assert!(e.to_string().contains("shorter"), "{e}");
    assert!(!reader.check().is_ok_and(|c| c.findings.is_empty()));
}
