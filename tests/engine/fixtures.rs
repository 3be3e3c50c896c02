//! Every file of a real etcd: status, hash, hashkv, live keys, records and facts match etcd's own tools and servers;
//! every record is re-encoded identically.

use std::collections::BTreeMap;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use etcd_maintenance::{
    bolt::FileReader,
    schema::{alarm, auth, bucket, fresh, key, lease, membership, meta},
    snapshot::{self, Error, Item, SnapshotFile, Trailer},
};
use prost::Message as _;
use serde_json::{Value, json};

use crate::fixture_data::{Scratch, bytes, expected, good_files, hex, sha256};

type Bucket = BTreeMap<Vec<u8>, Vec<u8>>;

/// All records of a file, by bucket.
fn records(path: &std::path::Path) -> BTreeMap<Vec<u8>, Bucket> {
    let file = SnapshotFile::open(path).unwrap();
    let mut out: BTreeMap<Vec<u8>, Bucket> = BTreeMap::new();
    let mut bucket = Vec::new();
    snapshot::inspect(&file, &mut |item| {
        match item {
            Item::Bucket(name) => {
                bucket = name.to_vec();
                out.insert(bucket.clone(), Bucket::new());
            }
            Item::History { key, value, .. } | Item::Record { key, value } => {
                let records = out.get_mut(&bucket).unwrap();
                records.insert(key.to_vec(), value.to_vec());
            }
        }
        Ok(())
    })
    .unwrap();
    out
}

fn status_json(status: &snapshot::Status) -> Value {
    json!({
        "hash": status.hash,
        "revision": status.revision,
        "totalKey": status.total_key,
        "totalSize": status.total_size,
        "version": status.version,
    })
}

#[test]
fn the_copies_are_whole() {
    let expected = expected();
    let mut n = 0;
    for (name, entry) in good_files(&expected) {
        let mut bytes = bytes(name);
        bytes.resize(entry["size"].as_u64().unwrap() as usize, 0);
        assert_eq!(sha256(&bytes), entry["sha256"].as_str().unwrap(), "{name}");
        n += 1;
    }
    assert!(n > 40, "{n} files");
}

#[test]
fn status_is_etcdutls() {
    let (expected, scratch) = (expected(), Scratch::new());
    for (name, entry) in good_files(&expected) {
        let path = scratch.good(name, entry);
        let status = snapshot::status(&path).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(
            status_json(&status),
            entry["status"]["3.7"]["stdout"],
            "{name}"
        );
        snapshot::verify(&path).unwrap_or_else(|e| panic!("{name}: {e}"));
        let has_digest = *SnapshotFile::open(&path).unwrap().trailer() == Trailer::Digest;
        assert_eq!(has_digest, entry["kind"] == "snapshot", "{name}");
    }
}

#[test]
fn status_of_restored_directories_is_etcdutls() {
    let (expected, scratch) = (expected(), Scratch::new());
    for (name, entry) in expected["trees"].as_object().unwrap() {
        let size = entry["files"]["member/snap/db"]["size"].as_u64().unwrap();
        let path = scratch.write(name, &bytes(&format!("trees/{name}.db")), size);
        let status = snapshot::status(&path).unwrap_or_else(|e| panic!("{name}: {e}"));
        if let Some(stdout) = entry["db"]["status"].get("stdout") {
            assert_eq!(status_json(&status), *stdout, "{name}");
        }
    }
}

#[test]
fn every_good_file_passes_the_check() {
    let (expected, scratch) = (expected(), Scratch::new());
    for (name, entry) in good_files(&expected) {
        let reader = FileReader::open(scratch.good(name, entry)).unwrap();
        let findings = reader.check().unwrap().findings;
        assert!(findings.is_empty(), "{name}: {findings:?}");
    }
}

/// The error in the notation of `expected.json`.
fn refusal(e: &Error) -> Value {
    json!(format!("Error: {e}"))
}

#[test]
fn hashkv_is_etcdutls_and_the_servers() {
    let (expected, scratch) = (expected(), Scratch::new());
    let mut answers = 0;
    for (name, entry) in good_files(&expected) {
        let path = scratch.good(name, entry);
        for (rev, answer) in entry["hashkv"]["3.7"].as_object().unwrap() {
            let rev: i64 = rev.parse().unwrap();
            match snapshot::hash_kv(&path, rev) {
                Ok(h) => {
                    let ours = json!({
                        "hash": h.hash,
                        "hashRevision": h.hash_revision,
                        "compactRevision": h.compact_revision,
                    });
                    assert_eq!(ours, answer["stdout"], "{name} at {rev}");
                }
                Err(e) => assert_eq!(refusal(&e), answer["error"], "{name} at {rev}"),
            }
            answers += 1;
        }
        let Some(server) = entry["server_hashkv"]["revisions"].as_object() else {
            continue;
        };
        for (rev, answer) in server {
            let rev: i64 = rev.parse().unwrap();
            // At the compact revision, a server answers from the hash that it stored during compaction.
            if entry["facts"]["compact_revision"] == rev {
                continue;
            }
            let h = snapshot::hash_kv(&path, rev).unwrap();
            assert_eq!(json!(h.hash), answer["hash"], "{name} at {rev}");
        }
    }
    assert!(answers > 200, "{answers}");
}

#[test]
fn live_keys_are_the_servers() {
    let (expected, scratch) = (expected(), Scratch::new());
    for (name, entry) in good_files(&expected) {
        let path = scratch.good(name, entry);
        for (rev, answer) in entry["live_keys"]["revisions"].as_object().unwrap() {
            let rev: i64 = rev.parse().unwrap();
            match snapshot::live_keys(&path, rev) {
                Ok(live) => {
                    let rows: Vec<Value> = live
                        .kvs
                        .iter()
                        .map(|kv| {
                            json!([
                                BASE64_STANDARD.encode(&kv.key),
                                kv.create_revision,
                                kv.mod_revision,
                                kv.version,
                                kv.lease,
                                kv.value.len(),
                                sha256(&kv.value),
                            ])
                        })
                        .collect();
                    assert_eq!(json!(rows), answer["keys"], "{name} at {rev}");
                    assert_eq!(
                        json!(live.header_revision),
                        answer["header_revision"],
                        "{name} at {rev}"
                    );
                }
                Err(e) => {
                    let text = format!("Error: etcdserver: {e}");
                    assert_eq!(json!(text), answer["error"], "{name} at {rev}");
                }
            }
        }
    }
}

#[test]
fn records_and_facts() {
    let (expected, scratch) = (expected(), Scratch::new());
    for (name, entry) in good_files(&expected) {
        let path = scratch.good(name, entry);
        let all = records(&path);
        for (bucket, n) in entry["records"].as_object().unwrap() {
            let ours = all.get(bucket.as_bytes()).map(BTreeMap::len);
            assert_eq!(json!(ours), *n, "{name}: {bucket}");
        }
        let file = SnapshotFile::open(&path).unwrap();
        let r = snapshot::inspect(&file, &mut |_| Ok(())).unwrap();
        let version =
            |v: &Option<etcd_maintenance::schema::Version>| v.as_ref().map(ToString::to_string);
        let facts = json!({
            "consistent_index": r.meta.consistent_index,
            "term": r.meta.term,
            "scheduled_compact_revision": r.meta.scheduled_compact,
            "finished_compact_revision": r.meta.finished_compact,
            "storage_version": version(&r.meta.storage_version),
            "conf_state": r.meta.conf_state,
            "cluster_version": version(&r.membership.cluster_version),
            "auth_revision": r.auth.revision,
            "auth_enabled": r.auth.enabled,
            "server_revision": r.current_revision(),
        });
        for (fact, theirs) in entry["facts"].as_object().unwrap() {
            match facts.get(fact) {
                Some(ours) => assert_eq!(ours, theirs, "{name}: {fact}"),
                None if fact == "compact_revision" => {
                    let ours = json!(r.meta.compact_revision());
                    assert_eq!(ours, *theirs, "{name}: {fact}");
                }
                None => assert_eq!(fact, "downgrade", "{name}"),
            }
        }
    }
}

/// A record after decoding and encoding it.
fn again(name: &[u8], k: &[u8], v: &[u8]) -> (Vec<u8>, Vec<u8>) {
    match name {
        bucket::KEY => {
            let at = key::RevisionKey::decode(k).unwrap();
            let k = match at.tombstone {
                true => at.revision.encode_tombstone().to_vec(),
                false => at.revision.encode().to_vec(),
            };
            let kv = key::KeyValueRef::decode(v).unwrap().to_owned();
            let v = match at.tombstone {
                true => key::encode_tombstone(&kv.key),
                false => key::encode(&kv),
            };
            (k, v)
        }
        bucket::META => {
            let mut m = meta::Meta::default();
            m.read(k, v).unwrap();
            let v = match k {
                meta::CONSISTENT_INDEX => meta::encode_number(m.consistent_index.unwrap()).to_vec(),
                meta::TERM => meta::encode_number(m.term.unwrap()).to_vec(),
                meta::CONF_STATE => meta::encode_conf_state(&m.conf_state.unwrap()),
                meta::SCHEDULED_COMPACT => {
                    meta::encode_compact(m.scheduled_compact.unwrap()).to_vec()
                }
                meta::FINISHED_COMPACT => {
                    meta::encode_compact(m.finished_compact.unwrap()).to_vec()
                }
                meta::STORAGE_VERSION => meta::encode_version(&m.storage_version.unwrap()),
                other => panic!("meta has {}", hex(other)),
            };
            (k.to_vec(), v)
        }
        bucket::LEASE => {
            let (k, v) = lease::encode(&lease::decode(k, v).unwrap());
            (k.to_vec(), v)
        }
        bucket::ALARM => (alarm::encode(&alarm::decode(k).unwrap()), Vec::new()),
        bucket::AUTH => {
            let mut a = auth::Auth::default();
            a.read(k, v).unwrap();
            let v = match k {
                auth::ENABLED => auth::encode_enabled(a.enabled.unwrap()).to_vec(),
                auth::REVISION => auth::encode_revision(a.revision.unwrap()).to_vec(),
                other => panic!("auth has {}", hex(other)),
            };
            (k.to_vec(), v)
        }
        bucket::AUTH_USERS => {
            let user = auth::decode_user(k, v).unwrap();
            (user.name.to_vec(), auth::encode_user(&user))
        }
        bucket::AUTH_ROLES => {
            let role = auth::decode_role(k, v).unwrap();
            (role.name.to_vec(), auth::encode_role(&role))
        }
        bucket::MEMBERS => membership::encode_member(&membership::decode_member(k, v).unwrap()),
        bucket::MEMBERS_REMOVED => (k.to_vec(), membership::REMOVED.to_vec()),
        bucket::CLUSTER => {
            let mut m = membership::Membership::default();
            m.read(name, k, v).unwrap();
            let v = match k {
                membership::CLUSTER_VERSION => meta::encode_version(&m.cluster_version.unwrap()),
                membership::DOWNGRADE => membership::encode_downgrade(&m.downgrade.unwrap()),
                other => panic!("cluster has {}", hex(other)),
            };
            (k.to_vec(), v)
        }
        other => panic!("no codec for bucket {}", hex(other)),
    }
}

#[test]
fn every_record_is_written_as_it_was_read() {
    let (expected, scratch) = (expected(), Scratch::new());
    let mut n = 0;
    for (name, entry) in good_files(&expected) {
        for (bucket, rows) in records(&scratch.good(name, entry)) {
            for (k, v) in rows {
                let (k2, v2) = again(&bucket, &k, &v);
                let place = format!("{name}: {}: {}", String::from_utf8_lossy(&bucket), hex(&k));
                assert_eq!(hex(&k2), hex(&k), "{place}");
                // Only `--bump-revision` writes an empty record.
                assert!(v2 == v, "{place}");
                n += 1;
            }
        }
    }
    assert!(n > 5000, "{n}");
}

#[test]
fn a_fresh_directory_holds_what_etcds_does() {
    let (expected, scratch) = (expected(), Scratch::new());
    let name = "empty-3.7.snapshot.db";
    let theirs = records(&scratch.good(name, &expected["files"][name]));
    let (id, value) = theirs[bucket::MEMBERS].iter().next().unwrap();
    let me = membership::decode_member(id, value).unwrap();
    let mut ours: BTreeMap<Vec<u8>, Bucket> = bucket::ALL
        .iter()
        .map(|b| (b.to_vec(), Bucket::new()))
        .collect();
    for change in fresh::initial(&me) {
        let bucket = ours.get_mut(change.bucket).unwrap();
        bucket.insert(change.key, change.value.unwrap());
    }
    assert_eq!(ours, theirs);
}

#[test]
fn generated_and_borrowed_decoders_agree_on_every_record() {
    let (expected, scratch) = (expected(), Scratch::new());
    for (name, entry) in good_files(&expected) {
        for value in records(&scratch.good(name, entry))[bucket::KEY].values() {
            let theirs =
                etcd_maintenance::proto::mvccpb::KeyValue::decode(value.as_slice()).unwrap();
            let ours = key::KeyValueRef::decode(value).unwrap().to_owned();
            assert_eq!(ours, theirs, "{name}");
        }
    }
}
