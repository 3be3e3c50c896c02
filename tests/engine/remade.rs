//! Reads a file into plain maps and writes maps as a snapshot with a correct digest, so that tests can change one record.

use std::{collections::BTreeMap, fs, path::Path};

use etcd_maintenance::{
    bolt::{BulkWriter, FileReader},
    proto::mvccpb::KeyValue,
    schema::{key, key::Revision},
};

use crate::fixture_data::{Scratch, expected};

/// Every bucket with its records.
pub type Buckets = BTreeMap<Vec<u8>, BTreeMap<Vec<u8>, Vec<u8>>>;

/// All records of a sound file.
pub fn read(path: &Path) -> Buckets {
    let reader = FileReader::open(path).unwrap();
    let mut out = Buckets::new();
    for bucket in reader.buckets().unwrap() {
        let (name, bucket) = bucket.unwrap();
        let records = out.entry(name.to_vec()).or_default();
        for entry in bucket.iter().unwrap() {
            let entry = entry.unwrap();
            records.insert(entry.key.to_vec(), entry.value.to_vec());
        }
    }
    out
}

/// A snapshot of these records, with pages of this size.
pub fn write(path: &Path, buckets: &Buckets, page_size: u32) {
    let _ = fs::remove_file(path);
    let mut bulk = BulkWriter::create(path, page_size, 7).unwrap();
    for (name, records) in buckets {
        bulk.bucket(name, 0).unwrap();
        for (key, value) in records {
            bulk.put(key, value).unwrap();
        }
    }
    bulk.finish_sealed().unwrap();
}

/// A small snapshot with every kind of record: few keys, so that each of its bits can be tried.
pub fn small(scratch: &Scratch) -> Vec<u8> {
    let (expected, name) = (expected(), "accounts-3.7.snapshot.db");
    let mut buckets = read(&scratch.good(name, &expected["files"][name]));
    for records in buckets.values_mut() {
        while records.len() > 6 {
            records.pop_last();
        }
    }
    let lease = buckets[b"lease".as_slice()].keys().next().unwrap();
    let lease = i64::from_be_bytes(lease[..].try_into().unwrap());
    let history = buckets.get_mut(b"key".as_slice()).unwrap();
    history.clear();
    let mut put = |main, key: &str, created, version, lease| {
        let kv = KeyValue {
            key: key.to_owned().into(),
            value: format!("value of {key} at {main}").into(),
            create_revision: created,
            mod_revision: main,
            version,
            lease,
        };
        history.insert(Revision::new(main, 0).encode().to_vec(), key::encode(&kv));
    };
    put(2, "one", 2, 1, 0);
    put(3, "two", 3, 1, lease);
    put(4, "one", 2, 2, 0);
    let deleted = KeyValue {
        key: "one".into(),
        ..Default::default()
    };
    let deletion = Revision::new(5, 0).encode_tombstone().to_vec();
    history.insert(deletion, key::encode(&deleted));
    let path = scratch.path("small");
    write(&path, &buckets, 1024);
    fs::read(path).unwrap()
}
