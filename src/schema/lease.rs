//! Bucket `lease`: id to lease record. The keys on a lease are not here: each `KeyValue` names its
//! own. Source: etcd v3.7.1, server/storage/schema/lease.go, server/lease/leasepb/lease.proto.

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

/// Reads one record.
///
/// # Errors
/// The key is no id, the value no lease, or the two name different leases.
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

#[cfg(test)]
mod tests {
    use super::*;

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
