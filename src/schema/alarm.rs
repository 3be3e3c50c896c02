//! Bucket `alarm`: active alarms. The record is its own key; the value is empty.
//! Source: etcd v3.7.1, server/storage/schema/alarm.go.

use prost::Message as _;

use super::{bucket, error::RecordError};
use crate::proto::etcdserverpb::AlarmMember;

/// The key of an active alarm's record; its value is empty.
pub fn encode(alarm: &AlarmMember) -> Vec<u8> {
    alarm.encode_to_vec()
}

/// Reads one record's key.
///
/// # Errors
/// The key is no alarm.
pub fn decode(key: &[u8]) -> Result<AlarmMember, RecordError> {
    AlarmMember::decode(key).map_err(|e| RecordError::new(bucket::ALARM, key, e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::etcdserverpb::AlarmType;

    #[test]
    fn round_trip_and_garbage() {
        let alarm = AlarmMember {
            member_id: u64::MAX,
            alarm: AlarmType::Nospace.into(),
        };
        let key = encode(&alarm);
        assert_eq!(decode(&key), Ok(alarm));
        assert!(decode(&key[..key.len() - 1]).is_err());
    }
}
