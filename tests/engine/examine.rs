//! `snapshot verify` as a library: every good file passes, and every file on which etcd crashes, or which it serves
//! incorrectly, fails.

use std::{collections::BTreeSet, fs, path::Path};

use etcd_maintenance::snapshot::examine::{
    Examination, ExamineOptions, Layer, LayerStatus, examine,
};
use etcd_maintenance::{
    bolt::Visit,
    proto::mvccpb,
    schema::key::Revision,
    snapshot::{
        SnapshotFile,
        restore::{Plan, RestoreOptions},
        salvage::SalvageOptions,
    },
};
use prost::Message as _;
use sha2::Digest as _;

use crate::remade::{self, Buckets};
use crate::salvage;

use crate::fixture_data::{Scratch, bytes, damaged, damaged_files, expected, good_files};

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

/// One of the two metas of a snapshot is damaged, and the digest is corrected. The other meta leads to the same records, so
/// a restore loses nothing.
const ONE_META: &[&str] = &[
    "flip-meta0-checksum.db",
    "flip-meta0-root.db",
    "flip-meta1-checksum.db",
    "magic-meta0.db",
    "version-meta0.db",
];

/// Whether `snapshot restore` accepts the file. If not, it leaves nothing behind.
fn restored(scratch: &Scratch, path: &Path) -> bool {
    let dir = scratch.path("restored");
    let plan = Plan::new(RestoreOptions {
        for_serve: true,
        data_dir: Some(dir.clone()),
        ..RestoreOptions::new(path)
    })
    .unwrap();
    let checked = plan.check_file();
    let ran = plan.run(&mut |_| ());
    assert_eq!(checked.is_ok(), ran.is_ok(), "{checked:?}, {ran:?}");
    assert_eq!(dir.exists(), ran.is_ok());
    let _ = fs::remove_dir_all(&dir);
    ran.is_ok()
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
];

#[test]
fn every_damaged_file_is_bad() {
    let (expected, scratch) = (expected(), Scratch::new());
    let mut wrong = Vec::new();
    for (name, entry) in damaged_files(&expected) {
        let bytes = damaged(entry);
        let path = scratch.write(name, &bytes, bytes.len() as u64);
        let bad = layer(&path).is_some();
        if bad == UNSEEN.contains(&name) {
            wrong.push(format!("{name}: {}: bad {bad}", entry["text"]));
        }
        if bad && restored(&scratch, &path) != ONE_META.contains(&name) {
            wrong.push(format!("{name}: {}: restored, or not", entry["text"]));
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

/// Flips every bit of a small snapshot, and truncates it at every length.
#[test]
fn every_flip_and_every_cut_is_found() {
    let scratch = Scratch::new();
    let good = remade::small(&scratch);
    println!("{} bytes", good.len());
    let bad = |name: &str, bytes: &[u8]| {
        let path = scratch.path(name);
        fs::write(&path, bytes).unwrap();
        let examination = examine(&path, &ExamineOptions::default()).unwrap();
        examination.first_bad().is_some()
    };
    assert!(!bad("good", &good));
    std::thread::scope(|scope| {
        for half in 0..2 {
            let (good, bad) = (&good, &bad);
            scope.spawn(move || {
                for bit in (half..good.len() * 8).step_by(2) {
                    let mut flipped = good.clone();
                    flipped[bit / 8] ^= 1 << (bit % 8);
                    let name = format!("flipped{half}");
                    assert!(bad(&name, &flipped), "byte {}, bit {}", bit / 8, bit % 8);
                }
            });
        }
    });
    for end in 0..good.len() {
        // A file that this project has written is a valid database without the digest.
        if end != good.len() - 32 {
            assert!(bad("cut", &good[..end]), "cut at {end}");
        }
    }
    // A server's snapshot is not, if its transaction has an odd number.
    let mut odd = 0;
    for name in [
        "accounts-3.5",
        "accounts-3.7",
        "basic-3.5",
        "basic-3.6",
        "basic-3.7",
        "empty-3.7",
    ] {
        let snapshot = bytes(&format!("{name}.snapshot.db"));
        let whole = scratch.write("whole", &snapshot, snapshot.len() as u64);
        let txid = SnapshotFile::open(&whole).unwrap().reader().meta().txid;
        let pages = snapshot.len() - 32;
        for end in pages - 8..snapshot.len() {
            let is_database = end == pages && txid.is_multiple_of(2);
            assert_eq!(
                bad("cut", &snapshot[..end]),
                !is_database,
                "{name} cut at {end}"
            );
        }
        odd += txid % 2;
    }
    assert!(odd > 0, "no snapshot has an odd transaction");
}

/// Changes, removes or adds a record of a good file and corrects the digest: every kind of change on which a real etcd
/// would exit, or which it would serve incorrectly.
#[test]
fn a_record_that_cannot_be_is_found_under_a_right_digest() {
    type Change<'a> = (&'a str, Layer, Box<dyn Fn(&mut Buckets)>);
    let (expected, scratch) = (expected(), Scratch::new());
    let set = |bucket: &'static str, key: &'static [u8], value: &'static [u8]| {
        Box::new(move |b: &mut Buckets| {
            let records = b.get_mut(bucket.as_bytes()).unwrap();
            records.insert(key.to_vec(), value.to_vec());
        }) as Box<dyn Fn(&mut Buckets)>
    };
    // Changes the value of the first record of a bucket.
    let first = |bucket: &'static str, change: fn(&mut Vec<u8>)| {
        Box::new(move |b: &mut Buckets| {
            let records = b.get_mut(bucket.as_bytes()).unwrap();
            records.values_mut().next().map(change);
        }) as Box<dyn Fn(&mut Buckets)>
    };
    // Changes the last put in the history that creates a key, or the last one that does not.
    let put = |new: bool, change: fn(&mut mvccpb::KeyValue)| {
        Box::new(move |b: &mut Buckets| {
            let records = b.get_mut(b"key".as_slice()).unwrap();
            let decode = |value: &Vec<u8>| mvccpb::KeyValue::decode(&value[..]).unwrap();
            let mut puts = records.iter_mut().rev().filter(|(key, _)| key.len() == 17);
            let found = puts.find(|(_, value)| (decode(value).version == 1) == new);
            let Some((_, value)) = found else { return };
            let mut kv = decode(value);
            change(&mut kv);
            *value = kv.encode_to_vec();
        }) as Box<dyn Fn(&mut Buckets)>
    };
    // Changes the last deletion in the history.
    let deletion = |change: fn(&mut mvccpb::KeyValue)| {
        Box::new(move |b: &mut Buckets| {
            let records = b.get_mut(b"key".as_slice()).unwrap();
            let found = records.iter_mut().rev().find(|(key, _)| key.len() == 18);
            let Some((_, value)) = found else { return };
            let mut kv = mvccpb::KeyValue::decode(&value[..]).unwrap();
            change(&mut kv);
            *value = kv.encode_to_vec();
        }) as Box<dyn Fn(&mut Buckets)>
    };
    // Gives the last put of the history another record key.
    let rekey = |change: fn(Vec<u8>) -> Vec<u8>| {
        Box::new(move |b: &mut Buckets| {
            let records = b.get_mut(b"key".as_slice()).unwrap();
            let mut keys = records.keys().rev();
            let key = keys.find(|key| key.len() == 17).unwrap().clone();
            let value = records.remove(&key).unwrap();
            records.insert(change(key), value);
        }) as Box<dyn Fn(&mut Buckets)>
    };
    // Adds a new key at this revision.
    let add = |b: &mut Buckets, at: Revision| {
        let kv = mvccpb::KeyValue {
            key: format!("new at {at}").into(),
            create_revision: at.main,
            mod_revision: at.main,
            version: 1,
            ..Default::default()
        };
        let records = b.get_mut(b"key".as_slice()).unwrap();
        records.insert(at.encode().to_vec(), kv.encode_to_vec());
    };
    use Layer::{Cluster, Invariants, Records};
    let changes: Vec<Change<'_>> = vec![
        (
            "consistent index of 7 bytes",
            Records,
            set("meta", b"consistent_index", &[0; 7]),
        ),
        (
            "the greatest revisions",
            Invariants,
            Box::new(move |b| {
                for (main, sub) in [
                    (i64::MAX, 0),
                    (i64::MAX, i64::MAX - 1),
                    (i64::MAX, i64::MAX),
                ] {
                    add(b, Revision::new(main, sub));
                }
            }),
        ),
        ("term of 9 bytes", Records, set("meta", b"term", &[0; 9])),
        (
            "confState no JSON",
            Records,
            set("meta", b"confState", b"{"),
        ),
        (
            "confState a list",
            Records,
            set("meta", b"confState", b"[1]"),
        ),
        (
            "scheduled compaction cut",
            Records,
            set("meta", b"scheduledCompactRev", b"\0\0\0\0\0\0\0\x05_"),
        ),
        (
            "finished compaction cut",
            Records,
            set("meta", b"finishedCompactRev", &[0; 16]),
        ),
        (
            "finished compaction negative",
            Records,
            set(
                "meta",
                b"finishedCompactRev",
                b"\xff\0\0\0\0\0\0\x05_\0\0\0\0\0\0\0\0",
            ),
        ),
        (
            "finished compaction in the future",
            Invariants,
            set(
                "meta",
                b"finishedCompactRev",
                b"\0\0\0\x01\0\0\0\x05_\0\0\0\0\0\0\0\0",
            ),
        ),
        (
            "scheduled compaction in the future",
            Invariants,
            set(
                "meta",
                b"scheduledCompactRev",
                b"\0\0\0\x01\0\0\0\x05_\0\0\0\0\0\0\0\0",
            ),
        ),
        (
            "storage version 3.9",
            Cluster,
            set("meta", b"storageVersion", b"3.9.0"),
        ),
        (
            "storage version 4",
            Cluster,
            set("meta", b"storageVersion", b"4.0.0"),
        ),
        (
            "storage version 3.5",
            Cluster,
            set("meta", b"storageVersion", b"3.5.0"),
        ),
        (
            "storage version no text",
            Records,
            set("meta", b"storageVersion", b"\xff"),
        ),
        (
            "lease id of 7 bytes",
            Records,
            set("lease", b"1234567", b""),
        ),
        (
            "lease of another id",
            Records,
            set("lease", b"\0\0\0\0\0\0\0\x09", b"\x08\x08\x10\x0a"),
        ),
        (
            "lease no protobuf",
            Records,
            set("lease", b"\0\0\0\0\0\0\0\x09", b"\xff"),
        ),
        (
            "lease with an unknown field",
            Records,
            first("lease", |v| v.extend(b"\x78\x01")),
        ),
        ("alarm no protobuf", Records, set("alarm", b"\x08", b"")),
        (
            "alarm with a value",
            Records,
            set("alarm", b"\x08\x05\x10\x01", b"v"),
        ),
        (
            "authentication neither on nor off",
            Records,
            set("auth", b"authEnabled", b"\x02"),
        ),
        (
            "authentication of two bytes",
            Records,
            set("auth", b"authEnabled", b"\x01\x01"),
        ),
        (
            "auth revision of 7 bytes",
            Records,
            set("auth", b"authRevision", &[0; 7]),
        ),
        ("user no protobuf", Records, set("authUsers", b"x", b"\xff")),
        (
            "user of another name",
            Records,
            set("authUsers", b"x", b"\x0a\x01y"),
        ),
        (
            "user with an unknown role",
            Records,
            set("authUsers", b"x", b"\x0a\x01x\x1a\x04none"),
        ),
        (
            "user with an unknown field",
            Records,
            first("authUsers", |v| v.extend(b"\x78\x01")),
        ),
        (
            "no user root",
            Cluster,
            Box::new(|b| {
                b.get_mut(b"auth".as_slice())
                    .unwrap()
                    .insert(b"authEnabled".to_vec(), vec![1]);
                b.get_mut(b"authUsers".as_slice())
                    .unwrap()
                    .remove(b"root".as_slice());
            }),
        ),
        (
            "user whose roles are not in order",
            Records,
            set("authUsers", b"x", b"\x0a\x01x\x1a\x04root\x1a\x01a"),
        ),
        (
            "user with one role twice",
            Records,
            set("authUsers", b"x", b"\x0a\x01x\x1a\x04root\x1a\x04root"),
        ),
        (
            "user with a password that is no hash",
            Records,
            set("authUsers", b"x", b"\x0a\x01x\x12\x02pw"),
        ),
        (
            "user with a name that is no text",
            Records,
            set("authUsers", b"\xff", b"\x0a\x01\xff"),
        ),
        (
            "role with a name that is no text",
            Records,
            set("authRoles", b"\xff", b"\x0a\x01\xff"),
        ),
        (
            "permission of an unknown type",
            Records,
            set("authRoles", b"x", b"\x0a\x01x\x12\x05\x08\x03\x12\x01a"),
        ),
        (
            "permissions that are not in order",
            Records,
            set(
                "authRoles",
                b"x",
                b"\x0a\x01x\x12\x03\x12\x01b\x12\x03\x12\x01a",
            ),
        ),
        (
            "alarm of an unknown type",
            Records,
            set("alarm", b"\x08\x05\x10\x03", b""),
        ),
        ("alarm of no type", Records, set("alarm", b"\x08\x05", b"")),
        (
            "lease without an id",
            Records,
            set("lease", &[0; 8], b"\x10\x0a"),
        ),
        (
            "lease without a TTL",
            Records,
            set("lease", b"\0\0\0\0\0\0\0\x09", b"\x08\x09"),
        ),
        (
            "lease with a negative TTL",
            Records,
            set(
                "lease",
                b"\0\0\0\0\0\0\0\x09",
                b"\x08\x09\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            ),
        ),
        (
            "lease with a TTL of millennia",
            Records,
            set(
                "lease",
                b"\0\0\0\0\0\0\0\x09",
                b"\x08\x09\x10\xff\xff\xff\xff\xff\xff\x01",
            ),
        ),
        (
            "lease of which more remains than it has",
            Records,
            set(
                "lease",
                b"\0\0\0\0\0\0\0\x09",
                b"\x08\x09\x10\x0a\x18\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
            ),
        ),
        (
            "auth revision 0",
            Cluster,
            set("auth", b"authRevision", &[0; 8]),
        ),
        (
            "auth revision 2^64-1",
            Cluster,
            set("auth", b"authRevision", &[0xff; 8]),
        ),
        (
            "no auth revision",
            Cluster,
            Box::new(|b| {
                let auth = b.get_mut(b"auth".as_slice()).unwrap();
                if auth.contains_key(b"authEnabled".as_slice()) {
                    auth.remove(b"authRevision".as_slice());
                }
            }),
        ),
        (
            "consistent index 0",
            Invariants,
            set("meta", b"consistent_index", &[0; 8]),
        ),
        (
            "no consistent index",
            Invariants,
            Box::new(|b| {
                let meta = b.get_mut(b"meta".as_slice()).unwrap();
                meta.remove(b"consistent_index".as_slice());
            }),
        ),
        (
            "consistent index 2^64-1",
            Invariants,
            set("meta", b"consistent_index", &[0xff; 8]),
        ),
        ("term 2^64-1", Invariants, set("meta", b"term", &[0xff; 8])),
        (
            "confState without voters",
            Invariants,
            set(
                "meta",
                b"confState",
                b"{\"voters\":[],\"auto_leave\":false}",
            ),
        ),
        (
            "confState with a voter twice",
            Invariants,
            set("meta", b"confState", b"{\"voters\":[7,7]}"),
        ),
        (
            "confState with a voter that is a learner",
            Invariants,
            set("meta", b"confState", b"{\"voters\":[7],\"learners\":[7]}"),
        ),
        (
            "confState an empty list",
            Records,
            set("meta", b"confState", b" []"),
        ),
        (
            "downgrade an empty list",
            Records,
            set("cluster", b"downgrade", b"[]"),
        ),
        (
            "downgrade to no version",
            Records,
            set(
                "cluster",
                b"downgrade",
                b"{\"target-version\":\"x\",\"enabled\":true}",
            ),
        ),
        (
            "downgrade without a version",
            Records,
            set("cluster", b"downgrade", b"{\"enabled\":true}"),
        ),
        (
            "member a list",
            Records,
            set("members", b"abc", b"[2748,[\"http://a:1\"]]"),
        ),
        (
            "cluster version 2",
            Cluster,
            set("cluster", b"clusterVersion", b"2.3.0"),
        ),
        (
            "a record of revision 1",
            Records,
            Box::new(move |b| add(b, Revision::new(1, 0))),
        ),
        (
            "a deletion with a lease",
            Records,
            deletion(|kv| kv.lease = 7),
        ),
        (
            "a deletion with a version",
            Records,
            deletion(|kv| kv.version = 1),
        ),
        ("role no protobuf", Records, set("authRoles", b"x", b"\xff")),
        (
            "role of another name",
            Records,
            set("authRoles", b"x", b"\x0a\x01y"),
        ),
        ("member no JSON", Records, set("members", b"abc", b"{")),
        (
            "member of another id",
            Records,
            set("members", b"abc", b"{\"id\":1,\"peerURLs\":[]}"),
        ),
        (
            "member id no number",
            Records,
            set("members", b"xyz", b"{\"id\":1,\"peerURLs\":[]}"),
        ),
        (
            "member removed and there",
            Cluster,
            Box::new(|b| {
                let id = b[b"members".as_slice()].keys().next().unwrap().clone();
                b.get_mut(b"members_removed".as_slice())
                    .unwrap()
                    .insert(id, b"removed".to_vec());
            }),
        ),
        (
            "cluster version 9",
            Cluster,
            set("cluster", b"clusterVersion", b"9.0.0"),
        ),
        (
            "cluster version no version",
            Records,
            set("cluster", b"clusterVersion", b"abc"),
        ),
        (
            "downgrade no JSON",
            Records,
            set("cluster", b"downgrade", b"["),
        ),
        (
            "a bucket more",
            Cluster,
            Box::new(|b| drop(b.insert(b"keys".to_vec(), Default::default()))),
        ),
        (
            "a bucket less",
            Cluster,
            Box::new(|b| drop(b.remove(b"members_removed".as_slice()))),
        ),
        (
            "no history",
            Records,
            Box::new(|b| drop(b.remove(b"key".as_slice()))),
        ),
        (
            "version too high",
            Invariants,
            put(false, |kv| kv.version += 1),
        ),
        ("version too low", Records, put(false, |kv| kv.version = 0)),
        ("version negative", Records, put(true, |kv| kv.version = -1)),
        (
            "created at another revision",
            Invariants,
            put(false, |kv| kv.create_revision -= 1),
        ),
        (
            "created in the future",
            Records,
            put(false, |kv| kv.create_revision += 1 << 20),
        ),
        (
            "modified at another revision",
            Records,
            put(true, |kv| kv.mod_revision += 1),
        ),
        (
            "another key in the middle of its history",
            Invariants,
            put(false, |kv| kv.key = "never there".into()),
        ),
        (
            "no key",
            Invariants,
            put(true, |kv| kv.key = Default::default()),
        ),
        (
            "a lease that is not there",
            Invariants,
            put(true, |kv| kv.lease = 77),
        ),
        (
            "a record of nothing",
            Invariants,
            put(true, |kv| *kv = Default::default()),
        ),
        (
            "a record with an unknown field",
            Records,
            first("key", |v| v.extend(b"\x78\x01")),
        ),
        (
            "a record key that ends in u",
            Records,
            rekey(|mut key| {
                key.push(b'u');
                key
            }),
        ),
        (
            "a record key of 16 bytes",
            Records,
            rekey(|mut key| {
                key.pop();
                key
            }),
        ),
        (
            "a record key of 19 bytes",
            Records,
            rekey(|mut key| {
                key.extend(b"tt");
                key
            }),
        ),
        (
            "a put that became a deletion",
            Records,
            rekey(|mut key| {
                key.push(b't');
                key
            }),
        ),
        (
            "a record key with another separator",
            Records,
            rekey(|mut key| {
                key[8] = b'-';
                key
            }),
        ),
        (
            "revision 2^62",
            Records,
            rekey(|mut key| {
                key[0] = 0x40;
                key
            }),
        ),
        (
            "sub revision 1 without 0",
            Invariants,
            rekey(|mut key| {
                key[16] = 1;
                key
            }),
        ),
        (
            "the last but one record missing",
            Invariants,
            Box::new(|b| {
                let records = b.get_mut(b"key".as_slice()).unwrap();
                let key = records.keys().rev().nth(1).unwrap().clone();
                records.remove(&key);
            }),
        ),
        (
            "a deletion of what is not there",
            Invariants,
            Box::new(|b| {
                let records = b.get_mut(b"key".as_slice()).unwrap();
                let last = records.keys().next_back().unwrap().clone();
                let main = u64::from_be_bytes(last[..8].try_into().unwrap()) + 1;
                let mut key = [&main.to_be_bytes()[..], b"_"].concat();
                key.extend([0; 8]);
                key.push(b't');
                let kv = mvccpb::KeyValue {
                    key: "never there".into(),
                    ..Default::default()
                };
                records.insert(key, kv.encode_to_vec());
            }),
        ),
    ];
    // A restore does not follow every key through the history, because that takes memory for each of them.
    let only_verify = [
        "version too high",
        "created at another revision",
        "another key in the middle of its history",
        "a deletion of what is not there",
    ];
    let path = scratch.path("changed");
    let mut seen = BTreeSet::new();
    for base in ["accounts-3.7.snapshot.db", "basic-3.7.snapshot.db"] {
        let good = remade::read(&scratch.good(base, &expected["files"][base]));
        remade::write(&path, &good, 4096);
        assert_eq!(layer(&path), None, "{base}: {:?}", verdict(&path).layers);
        for (what, wanted, change) in &changes {
            let mut changed = good.clone();
            change(&mut changed);
            if changed == good {
                // This file does not contain the record to be changed; the other one does.
                continue;
            }
            seen.insert(*what);
            remade::write(&path, &changed, 4096);
            let found = verdict(&path);
            assert_eq!(
                found.first_bad(),
                Some(*wanted),
                "{base}: {what}: {:?}",
                found.layers
            );
            let accepted = restored(&scratch, &path);
            assert_eq!(accepted, only_verify.contains(what), "{base}: {what}");
            // A salvage of the file is good, and contains no value that the file does not contain.
            for options in [SalvageOptions::default(), salvage::history()] {
                let _ = salvage::saved(&path, &options);
            }
        }
    }
    assert_eq!(seen.len(), changes.len());
}

/// A bucket with another name, or a missing bucket.
#[test]
fn every_renamed_and_every_missing_bucket_is_found() {
    let (expected, scratch) = (expected(), Scratch::new());
    let base = "accounts-3.7.snapshot.db";
    let good = remade::read(&scratch.good(base, &expected["files"][base]));
    assert_eq!(good.len(), 10);
    let path = scratch.path("changed");
    for name in good.keys() {
        let mut missing = good.clone();
        let records = missing.remove(name).unwrap();
        let mut renamed = missing.clone();
        let mut other = name.clone();
        *other.last_mut().unwrap() += 1;
        renamed.insert(other, records);
        for changed in [missing, renamed] {
            remade::write(&path, &changed, 4096);
            let name = String::from_utf8_lossy(name);
            assert_ne!(layer(&path), None, "{name}");
            assert!(!restored(&scratch, &path), "{name}");
        }
    }
}

/// A truncated key or value, in every bucket.
#[test]
fn every_cut_record_is_found() {
    let (expected, scratch) = (expected(), Scratch::new());
    let path = scratch.path("changed");
    let mut cuts = 0;
    for base in ["accounts-3.7.snapshot.db", "downgrading-3.7.snapshot.db"] {
        let good = remade::read(&scratch.good(base, &expected["files"][base]));
        for (name, records) in &good {
            let shown = String::from_utf8_lossy(name);
            for (key, value) in records.iter().rev().take(8) {
                // A protobuf message can also end between two fields; a truncated text, JSON value or number is invalid.
                let is_text = ["meta", "auth", "cluster", "members"].contains(&&*shown);
                let lengths = if is_text { 0 } else { value.len().max(1) - 1 }..value.len();
                // The value of a removed member has no meaning.
                let values = lengths.filter(|_| shown != "members_removed");
                let values = values.map(|len| (key.clone(), value[..len].to_vec()));
                // Names of users and roles, and keys of buckets with JSON, can be any text.
                let is_number = ["key", "lease", "alarm", "members"].contains(&&*shown);
                let keys = is_number.then(|| (key[..key.len() - 1].to_vec(), value.clone()));
                for (cut_key, cut_value) in values.chain(keys) {
                    let mut changed = good.clone();
                    let records = changed.get_mut(name).unwrap();
                    records.remove(key);
                    records.insert(cut_key, cut_value.clone());
                    remade::write(&path, &changed, 4096);
                    let what = format!("{base}: {shown}: {key:?}: {cut_value:?}");
                    assert_ne!(layer(&path), None, "{what}");
                    assert!(!restored(&scratch, &path), "{what}");
                    cuts += 1;
                }
            }
        }
    }
    assert!(cuts > 100, "{cuts}");
}

/// Changes the number of elements in the header of every page in use to every other number, up to one too many.
#[test]
fn every_wrong_count_in_a_page_is_found() {
    let (expected, scratch) = (expected(), Scratch::new());
    let mut tried = 0;
    for name in ["basic-3.7.snapshot.db", "accounts-3.5.snapshot.db"] {
        let good = fs::read(scratch.good(name, &expected["files"][name])).unwrap();
        let reader = SnapshotFile::open(scratch.path(name)).unwrap();
        let mut used = BTreeSet::new();
        let all = reader.reader().check_with(&mut |met| {
            if let Visit::Entry { page, .. } = met {
                used.insert(page as usize);
            }
        });
        assert!(all.unwrap().findings.is_empty());
        // The branch pages that lead to them hold no records.
        let size = good.len() - 32;
        let flags =
            |page: usize| u16::from_le_bytes([good[page * 4096 + 8], good[page * 4096 + 9]]);
        let root = reader.reader().meta().root as usize;
        used.insert(root);
        assert!(used.iter().all(|page| flags(*page) == 2), "leaves");
        for page in used {
            let at = page * 4096 + 10;
            let count = u16::from_le_bytes([good[at], good[at + 1]]);
            for wrong in (0..=count + 1).filter(|wrong| *wrong != count) {
                let mut changed = good.clone();
                changed[at..at + 2].copy_from_slice(&wrong.to_le_bytes());
                let digest = sha2::Sha256::digest(&changed[..size]);
                changed[size..].copy_from_slice(&digest);
                let path = scratch.path("changed");
                fs::write(&path, &changed).unwrap();
                let what = format!("{name}: page {page}: {wrong} of {count}");
                assert_ne!(layer(&path), None, "{what}");
                assert!(!restored(&scratch, &path), "{what}");
                tried += 1;
            }
        }
    }
    assert!(tried > 100, "{tried}");
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
fn requirements_are_checked() {
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
    assert_eq!(report.text, "key \"never there\" is missing");
    let (bad, report) = ask(ExamineOptions {
        min_keys: 33,
        max_age: Some(std::time::Duration::from_secs(3600)),
        ..ExamineOptions::default()
    });
    assert_eq!((bad, report.status), (None, LayerStatus::Ok));
}
