//! Bucket `meta`: how far the log was applied, the raft configuration, compaction marks and the storage version.
//! Source: etcd v3.7.1, server/storage/schema/{bucket,cindex,confstate,version}.go and server/storage/mvcc/store.go.
//! 3.4 writes neither `term` nor `confState`, 3.5 no `storageVersion`.

use serde::{Deserialize, Serialize};

use super::{
    bucket,
    error::RecordError,
    key::{Revision, RevisionKey},
    lease::{CHECKPOINT_TIME, CheckpointTime},
    version::Version,
};

/// Key of the index of the last log entry applied to the file.
pub const CONSISTENT_INDEX: &[u8] = b"consistent_index";
/// Key of that entry's term.
pub const TERM: &[u8] = b"term";
/// Key of the raft configuration.
pub const CONF_STATE: &[u8] = b"confState";
/// Key of the latest compaction that was started.
pub const SCHEDULED_COMPACT: &[u8] = b"scheduledCompactRev";
/// Key of the latest compaction that was completed.
pub const FINISHED_COMPACT: &[u8] = b"finishedCompactRev";
/// Key of the storage version: the version whose schema the file has.
pub const STORAGE_VERSION: &[u8] = b"storageVersion";

/// The raft configuration, with the fields of its JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfState {
    /// Ids of voting members.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub voters: Vec<u64>,
    /// Ids of learners.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub learners: Vec<u64>,
    /// Voters that are being removed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub voters_outgoing: Vec<u64>,
    /// Voters that will become learners.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub learners_next: Vec<u64>,
    /// Whether raft leaves a joint configuration automatically.
    #[serde(default)]
    pub auto_leave: bool,
}

/// The content of `meta`; a field is `None` if the file has no such record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meta {
    /// Index of the last applied log entry.
    pub consistent_index: Option<u64>,
    /// Its term.
    pub term: Option<u64>,
    /// The raft configuration.
    pub conf_state: Option<ConfState>,
    /// Main revision of the latest compaction that was started.
    pub scheduled_compact: Option<i64>,
    /// Main revision of the latest compaction that was completed.
    pub finished_compact: Option<i64>,
    /// The storage version.
    pub storage_version: Option<Version>,
    /// When the last clean stop recorded the remaining TTLs of leases. Only this server writes it.
    pub lease_checkpoint: Option<CheckpointTime>,
}

impl Meta {
    /// Adds one record. Ignores unknown keys.
    ///
    /// # Errors
    /// The record is invalid.
    pub fn read(&mut self, key: &[u8], value: &[u8]) -> Result<(), RecordError> {
        match key {
            CONSISTENT_INDEX => self.consistent_index = Some(number(key, value)?),
            TERM => self.term = Some(number(key, value)?),
            CONF_STATE => self.conf_state = Some(decode_conf_state(value)?),
            SCHEDULED_COMPACT => self.scheduled_compact = Some(revision(key, value)?),
            FINISHED_COMPACT => self.finished_compact = Some(revision(key, value)?),
            STORAGE_VERSION => self.storage_version = Some(decode_version(key, value)?),
            CHECKPOINT_TIME => self.lease_checkpoint = Some(CheckpointTime::decode(value)?),
            _ => {}
        }
        Ok(())
    }

    /// The compact revision, below which nothing can be read: the newer of the two compactions above; `None` before the
    /// first compaction.
    pub fn compact_revision(&self) -> Option<i64> {
        self.scheduled_compact.max(self.finished_compact)
    }
}

/// Encodes the value of `consistent_index`, `term` or `authRevision`.
pub fn encode_number(number: u64) -> [u8; 8] {
    number.to_be_bytes()
}

fn number(key: &[u8], value: &[u8]) -> Result<u64, RecordError> {
    <[u8; 8]>::try_from(value)
        .map(u64::from_be_bytes)
        .map_err(|_| {
            let problem = format!("a number has 8 bytes, not {}", value.len());
            RecordError::new(bucket::META, key, problem)
        })
}

/// Encodes the value of a compaction mark.
pub fn encode_compact(main: i64) -> [u8; 17] {
    Revision::new(main, 0).encode()
}

fn revision(key: &[u8], value: &[u8]) -> Result<i64, RecordError> {
    RevisionKey::decode(value)
        .map(|r| r.revision.main)
        .map_err(|problem| RecordError::new(bucket::META, key, problem))
}

/// Encodes the value of `confState`.
pub fn encode_conf_state(state: &ConfState) -> Vec<u8> {
    super::membership::to_json(state)
}

fn decode_conf_state(value: &[u8]) -> Result<ConfState, RecordError> {
    super::membership::from_json(value)
        .map_err(|problem| RecordError::new(bucket::META, CONF_STATE, problem))
}

/// Encodes the value of `storageVersion`.
pub fn encode_version(version: &Version) -> Vec<u8> {
    version.to_string().into_bytes()
}

fn decode_version(key: &[u8], value: &[u8]) -> Result<Version, RecordError> {
    std::str::from_utf8(value)
        .map_err(|_| "a version is text")
        .and_then(str::parse)
        .map_err(|problem| RecordError::new(bucket::META, key, problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conf_state_has_gos_field_order() {
        let text: &[u8] =
            br#"{"voters":[1,18446744073709551615],"learners":[3],"auto_leave":false}"#;
        let state = decode_conf_state(text).unwrap();
        assert_eq!(state.voters, [1, u64::MAX]);
        assert_eq!(encode_conf_state(&state), text);
        assert!(decode_conf_state(b"{").is_err());
    }

    #[test]
    fn reads_records_and_names_the_bad_one() {
        let mut meta = Meta::default();
        assert_eq!(meta.compact_revision(), None);
        meta.read(CONSISTENT_INDEX, &encode_number(7)).unwrap();
        meta.read(FINISHED_COMPACT, &encode_compact(5)).unwrap();
        meta.read(SCHEDULED_COMPACT, &encode_compact(9)).unwrap();
        meta.read(STORAGE_VERSION, b"3.7.0").unwrap();
        meta.read(b"of the future", b"?").unwrap();
        assert_eq!(meta.consistent_index, Some(7));
        assert_eq!(meta.compact_revision(), Some(9));
        assert_eq!(meta.storage_version, Some(Version::new(3, 7)));
        for key in [
            CONSISTENT_INDEX,
            TERM,
            CONF_STATE,
            SCHEDULED_COMPACT,
            FINISHED_COMPACT,
            STORAGE_VERSION,
        ] {
            let error = meta.read(key, b"1234567").unwrap_err();
            assert_eq!(error.bucket, "meta");
            assert!(
                error
                    .key
                    .contains(&String::from_utf8_lossy(key).into_owned())
            );
        }
    }
}
