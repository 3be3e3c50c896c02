//! Bucket `alarm`: the active alarms. The key is the encoded alarm, the value is empty. Source: etcd v3.7.1,
//! server/storage/schema/alarm.go.

use prost::Message as _;

use super::{bucket, error::RecordError};
use crate::proto::etcdserverpb::AlarmMember;

/// Encodes the key of an active alarm. Its value is empty.
pub fn encode(alarm: &AlarmMember) -> Vec<u8> {
    alarm.encode_to_vec()
}

/// Decodes the key of a record.
///
/// # Errors
/// The key is not an encoded alarm.
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
