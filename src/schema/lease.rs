//! Bucket `lease`: lease records by id. The keys attached to a lease are not stored here: each `KeyValue` names its
//! lease. Source: etcd v3.7.1, server/storage/schema/lease.go, server/lease/leasepb/lease.proto.
//!
//! One record of bucket `meta` belongs here too: the time at which a clean stop recorded the remaining TTL of all
//! leases. Only this server writes it; etcd ignores unknown keys in `meta`.

use prost::Message as _;

use super::{bucket, error::RecordError};
use crate::proto::leasepb::Lease;

/// The record of one lease.
pub fn encode(lease: &Lease) -> ([u8; 8], Vec<u8>) {
    (encode_id(lease.id), lease.encode_to_vec())
}

/// The key of a lease's record.
pub fn encode_id(id: i64) -> [u8; 8] {
    id.to_be_bytes()
}

/// Decodes a record.
///
/// # Errors
/// The key is not an id, the value is not a lease, or their ids differ.
pub fn decode(key: &[u8], value: &[u8]) -> Result<Lease, RecordError> {
    let wrong = |problem: String| RecordError::new(bucket::LEASE, key, problem);
    let id = <[u8; 8]>::try_from(key)
        .map(i64::from_be_bytes)
        .map_err(|_| wrong(format!("a lease id has 8 bytes, not {}", key.len())))?;
    let lease = Lease::decode(value).map_err(|e| wrong(e.to_string()))?;
    if lease.id != id {
        return Err(wrong(format!("the record is of lease {:016x}", lease.id)));
    }
    Ok(lease)
}

/// Key in bucket `meta` of the checkpoint time that a clean stop records.
pub const CHECKPOINT_TIME: &[u8] = b"leaseCheckpointTime";

/// When a clean stop recorded the remaining TTL of every lease.
///
/// ```text
/// | seconds since 1970 | consistent index | term    |
/// |      8 bytes       |     8 bytes      | 8 bytes |       big-endian
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckpointTime {
    /// The time at which the remaining TTLs were recorded, in seconds since 1970.
    pub seconds: i64,
    /// The consistent index at that time.
    pub consistent_index: u64,
    /// The term at that time.
    pub term: u64,
}

impl CheckpointTime {
    /// Encodes the record's value.
    pub fn encode(&self) -> Vec<u8> {
        [
            self.seconds.to_be_bytes(),
            self.consistent_index.to_be_bytes(),
            self.term.to_be_bytes(),
        ]
        .concat()
    }

    /// Decodes the record's value.
    ///
    /// # Errors
    /// The value is invalid.
    pub fn decode(value: &[u8]) -> Result<CheckpointTime, RecordError> {
        let numbers: Vec<[u8; 8]> = value
            .chunks_exact(8)
            .filter_map(|chunk| chunk.try_into().ok())
            .collect();
        match (numbers.as_slice(), value.len()) {
            ([seconds, index, term], 24) => Ok(CheckpointTime {
                seconds: i64::from_be_bytes(*seconds),
                consistent_index: u64::from_be_bytes(*index),
                term: u64::from_be_bytes(*term),
            }),
            _ => {
                let problem = format!("the time of a checkpoint has 24 bytes, not {}", value.len());
                Err(RecordError::new(bucket::META, CHECKPOINT_TIME, problem))
            }
        }
    }

    /// Whether nothing was written since then. If an etcd has used the file in the meantime, index or term differ.
    pub fn is_of(&self, consistent_index: Option<u64>, term: Option<u64>) -> bool {
        (consistent_index, term) == (Some(self.consistent_index), Some(self.term))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_checkpoint_is_good_for_one_state() {
        let time = CheckpointTime {
            seconds: 1_700_000_000,
            consistent_index: 12,
            term: 3,
        };
        let value = time.encode();
        assert_eq!(CheckpointTime::decode(&value), Ok(time));
        assert!(CheckpointTime::decode(&value[1..]).is_err());
        assert!(CheckpointTime::decode(&[0; 32]).is_err());
        assert!(time.is_of(Some(12), Some(3)));
        assert!(!time.is_of(Some(13), Some(3)) && !time.is_of(Some(12), None));
    }

    #[test]
    fn round_trip_and_garbage() {
        let lease = Lease {
            id: -2,
            ttl: 60,
            remaining_ttl: 0,
        };
        let (key, value) = encode(&lease);
        assert_eq!(decode(&key, &value), Ok(lease));
        assert!(decode(&key[1..], &value).is_err());
        assert!(decode(&key, &value[..3]).is_err());
        assert!(decode(&encode_id(1), &value).is_err());
    }
}
