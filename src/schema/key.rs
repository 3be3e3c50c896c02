//! Bucket `key`: revisions as record keys, and the `KeyValue` of each. Knows the encoding only; `server::mvcc`
//! interprets the history. Source: etcd v3.7.1, server/storage/mvcc/revision.go, api/mvccpb/kv.proto.
//!
//! ```text
//! record key    main u64 BE | '_' | sub u64 BE [ | 't' ]     17 bytes, 18 for a tombstone
//! record value  KeyValue; of a tombstone only its key
//! ```

use bytes::Bytes;
use prost::{Message as _, encoding::encoded_len_varint};

use super::{
    bucket,
    error::RecordError,
    wire::{Fields, Value},
};
use crate::proto::mvccpb::KeyValue;

/// Length of a record key without tombstone mark, in bytes.
pub const REVISION_LEN: usize = 17;
/// Length of a tombstone's record key, in bytes.
pub const TOMBSTONE_LEN: usize = REVISION_LEN + 1;
const SEPARATOR_AT: usize = 8;
const SUB_AT: usize = SEPARATOR_AT + 1;
const TOMBSTONE_MARK: u8 = b't';

/// A revision: the transaction (`main`) and the index of a change within it (`sub`). Neither is negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision {
    /// Incremented by every transaction that changes something.
    pub main: i64,
    /// Incremented by every change of a transaction, starting at 0.
    pub sub: i64,
}

impl Revision {
    /// A revision from its two parts.
    pub fn new(main: i64, sub: i64) -> Revision {
        Revision { main, sub }
    }

    /// Whether `next` can be the revision right after this one: the next change of the same transaction, or the first
    /// one of the next transaction. Nothing follows the greatest numbers, which a damaged file may contain.
    pub fn is_followed_by(self, next: Revision) -> bool {
        let in_same = next.main == self.main && self.sub.checked_add(1) == Some(next.sub);
        in_same || (self.main.checked_add(1) == Some(next.main) && next.sub == 0)
    }

    /// The record key of a put at this revision. `meta` stores compaction marks in the same form.
    pub fn encode(self) -> [u8; REVISION_LEN] {
        let mut out = [0; REVISION_LEN];
        out[..SEPARATOR_AT].copy_from_slice(&self.main.to_be_bytes());
        out[SEPARATOR_AT] = b'_';
        out[SUB_AT..].copy_from_slice(&self.sub.to_be_bytes());
        out
    }

    /// The record key of a deletion at this revision.
    pub fn encode_tombstone(self) -> [u8; TOMBSTONE_LEN] {
        let mut out = [TOMBSTONE_MARK; TOMBSTONE_LEN];
        out[..REVISION_LEN].copy_from_slice(&self.encode());
        out
    }
}

impl std::fmt::Display for Revision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}_{}", self.main, self.sub)
    }
}

/// A decoded record key of bucket `key`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RevisionKey {
    /// The revision of the change.
    pub revision: Revision,
    /// Whether the record is a deletion.
    pub tombstone: bool,
}

impl RevisionKey {
    /// Decodes a record key. As in etcd, a key of 18 bytes is a tombstone only if it ends in `t`.
    ///
    /// # Errors
    /// What is wrong with the key: its length, the separator, or a negative number.
    #[inline]
    pub fn decode(bytes: &[u8]) -> Result<RevisionKey, &'static str> {
        if bytes.len() != REVISION_LEN && bytes.len() != TOMBSTONE_LEN {
            return Err("a revision has 17 or 18 bytes");
        }
        let (Some((main, rest)), Some(&separator)) =
            (bytes.split_first_chunk::<8>(), bytes.get(SEPARATOR_AT))
        else {
            return Err("a revision has 17 or 18 bytes");
        };
        if separator != b'_' {
            return Err("a revision has '_' between its numbers");
        }
        let Some(sub) = rest.get(1..).and_then(|r| r.first_chunk::<8>()) else {
            return Err("a revision has 17 or 18 bytes");
        };
        let revision = Revision::new(i64::from_be_bytes(*main), i64::from_be_bytes(*sub));
        if revision.main < 0 || revision.sub < 0 {
            return Err("a revision is never negative");
        }
        let tombstone = bytes.get(REVISION_LEN) == Some(&TOMBSTONE_MARK);
        Ok(RevisionKey {
            revision,
            tombstone,
        })
    }

    /// Like [`RevisionKey::decode`], with an error that names bucket and key.
    ///
    /// # Errors
    /// The key is invalid.
    #[inline]
    pub fn of_record(key: &[u8]) -> Result<RevisionKey, RecordError> {
        RevisionKey::decode(key).map_err(|problem| RecordError::new(bucket::KEY, key, problem))
    }
}

impl std::fmt::Display for RevisionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mark = if self.tombstone { "t" } else { "" };
        write!(f, "{}{mark}", self.revision)
    }
}

/// A `KeyValue` that borrows its bytes, for rebuilding the index or counting keys without copying every value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyValueRef<'a> {
    /// The user's key.
    pub key: &'a [u8],
    /// Revision of the put that created the key.
    pub create_revision: i64,
    /// Revision of this put.
    pub mod_revision: i64,
    /// Number of puts since the key was created, starting at 1.
    pub version: i64,
    /// The user's value.
    pub value: &'a [u8],
    /// The lease that the key is attached to; 0 = none.
    pub lease: i64,
}

impl<'a> KeyValueRef<'a> {
    /// Decodes the value of a record. Skips unknown fields, as etcd does.
    ///
    /// # Errors
    /// What is wrong with the bytes.
    #[inline]
    pub fn decode(bytes: &'a [u8]) -> Result<KeyValueRef<'a>, &'static str> {
        let mut kv = KeyValueRef::default();
        let mut fields = Fields::new(bytes);
        while let Some(field) = fields.next()? {
            match field {
                (1, Value::Bytes(v)) => kv.key = v,
                (2, Value::Varint(v)) => kv.create_revision = v.cast_signed(),
                (3, Value::Varint(v)) => kv.mod_revision = v.cast_signed(),
                (4, Value::Varint(v)) => kv.version = v.cast_signed(),
                (5, Value::Bytes(v)) => kv.value = v,
                (6, Value::Varint(v)) => kv.lease = v.cast_signed(),
                (1..=6, _) => return Err("protobuf: a field of KeyValue has the wrong type"),
                _ => {}
            }
        }
        Ok(kv)
    }

    /// Like [`KeyValueRef::decode`] for the record `key`, with an error that names bucket and key.
    ///
    /// # Errors
    /// The value is not a `KeyValue`.
    #[inline]
    pub fn of_record(key: &[u8], value: &'a [u8]) -> Result<KeyValueRef<'a>, RecordError> {
        KeyValueRef::decode(value).map_err(|problem| RecordError::new(bucket::KEY, key, problem))
    }

    /// Size of this `KeyValue` in protobuf, in bytes, without unknown fields.
    pub fn encoded_len(&self) -> usize {
        let bytes = |field: &[u8]| match field.len() {
            0 => 0,
            len => 1 + encoded_len_varint(len as u64) + len,
        };
        let number = |n: i64| match n {
            0 => 0,
            n => 1 + encoded_len_varint(n.cast_unsigned()),
        };
        let numbers = [
            self.create_revision,
            self.mod_revision,
            self.version,
            self.lease,
        ];
        bytes(self.key) + bytes(self.value) + numbers.map(number).iter().sum::<usize>()
    }

    /// Copies key and value into an owned `KeyValue`.
    pub fn to_owned(&self) -> KeyValue {
        KeyValue {
            key: Bytes::copy_from_slice(self.key),
            create_revision: self.create_revision,
            mod_revision: self.mod_revision,
            version: self.version,
            value: Bytes::copy_from_slice(self.value),
            lease: self.lease,
        }
    }
}

/// Decodes the value of a record without copying: key and value share `bytes`.
///
/// # Errors
/// The value is not a `KeyValue`; the error names the record `key`.
pub fn decode_shared(key: &[u8], bytes: &Bytes) -> Result<KeyValue, RecordError> {
    let kv = KeyValueRef::of_record(key, bytes)?;
    Ok(KeyValue {
        key: bytes.slice_ref(kv.key),
        create_revision: kv.create_revision,
        mod_revision: kv.mod_revision,
        version: kv.version,
        value: bytes.slice_ref(kv.value),
        lease: kv.lease,
    })
}

/// The user's key in an encoded record, sharing its memory.
pub fn user_key(record: &Bytes) -> Bytes {
    let key = KeyValueRef::decode(record).map_or(&[][..], |kv| kv.key);
    match key {
        [] => Bytes::new(),
        key => record.slice_ref(key),
    }
}

/// Encodes the value of a put's record.
pub fn encode(kv: &KeyValue) -> Vec<u8> {
    kv.encode_to_vec()
}

/// Encodes the value of a tombstone's record.
pub fn encode_tombstone(user_key: &Bytes) -> Vec<u8> {
    KeyValue {
        key: user_key.clone(),
        ..KeyValue::default()
    }
    .encode_to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn revision_keys_sort_as_revisions() {
        let mut revisions = [
            Revision::new(2, 0),
            Revision::new(1, 256),
            Revision::new(1, 1),
            Revision::new(i64::MAX, 0),
        ];
        revisions.sort();
        let keys: Vec<_> = revisions.iter().map(|r| r.encode()).collect();
        assert!(keys.is_sorted());
        assert!(
            Revision::new(1, 0).encode_tombstone().as_slice()
                < Revision::new(1, 1).encode().as_slice()
        );
    }

    #[test]
    fn a_revision_is_followed_by_the_next_change_or_transaction() {
        let is_followed = |(main, sub), (next_main, next_sub)| {
            Revision::new(main, sub).is_followed_by(Revision::new(next_main, next_sub))
        };
        assert!(is_followed((4, 0), (4, 1)));
        assert!(is_followed((4, 1), (5, 0)));
        for next in [(4, 1), (4, 3), (5, 1), (6, 0), (3, 2)] {
            assert!(!is_followed((4, 1), next), "{next:?}");
        }
        let max = i64::MAX;
        for next in [(max, max), (max, 0), (0, 0)] {
            assert!(!is_followed((max, max), next), "{next:?}");
        }
    }

    #[test]
    fn revision_key_bytes() {
        let r = Revision::new(0x0102, 3);
        assert_eq!(&r.encode(), b"\0\0\0\0\0\0\x01\x02_\0\0\0\0\0\0\0\x03");
        assert_eq!(
            RevisionKey::decode(&r.encode_tombstone()),
            Ok(RevisionKey {
                revision: r,
                tombstone: true
            })
        );
        assert_eq!(
            RevisionKey::decode(b"\0\0\0\0\0\0\0\x02_\0\0\0\0\0\0\0\0x").map(|k| k.tombstone),
            Ok(false)
        );
    }

    #[test]
    fn bad_revision_keys_are_refused() {
        for bad in [
            &b""[..],
            b"\0\0\0\0\0\0\0\x02_\0\0\0\0\0\0\0",
            b"\0\0\0\0\0\0\0\x02_\0\0\0\0\0\0\0\0tt",
            b"\0\0\0\0\0\0\0\x02-\0\0\0\0\0\0\0\0",
            b"\x80\0\0\0\0\0\0\x02_\0\0\0\0\0\0\0\0",
            b"\0\0\0\0\0\0\0\x02_\xff\0\0\0\0\0\0\0",
        ] {
            assert!(RevisionKey::decode(bad).is_err(), "{bad:?}");
        }
        let text = RevisionKey::of_record(b"abc").unwrap_err().to_string();
        assert_eq!(
            text,
            "bucket key, key \"abc\": a revision has 17 or 18 bytes"
        );
    }

    #[test]
    fn borrowed_and_generated_decoders_agree() {
        let kv = KeyValue {
            key: Bytes::from_static(b"k\0"),
            create_revision: 5,
            mod_revision: 1 << 40,
            version: 3,
            value: Bytes::from_static(b"v"),
            lease: -1,
        };
        let bytes = Bytes::from(encode(&kv));
        assert_eq!(KeyValueRef::decode(&bytes).unwrap().to_owned(), kv);
        assert_eq!(decode_shared(b"", &bytes).unwrap(), kv);
        assert_eq!(KeyValueRef::decode(b""), Ok(KeyValueRef::default()));
        for cut in 1..bytes.len() {
            // A truncated message either ends at the end of a field or is an error; decoding never panics.
            let ours = KeyValueRef::decode(&bytes[..cut]).map(|k| k.to_owned());
            let prosts = KeyValue::decode(&bytes[..cut]);
            assert_eq!(ours.is_ok(), prosts.is_ok(), "{cut}");
        }
        assert!(KeyValueRef::decode(b"\x08\x01").is_err());
        assert!(KeyValueRef::decode(b"\x38\x01").is_ok());
    }
}
