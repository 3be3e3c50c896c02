//! `--target`: the changes to a database that let an older etcd start on it, and what that etcd cannot use at all.
//! Source: etcd v3.7.1, server/storage/schema/{schema,actions}.go, server/etcdserver/version/downgrade.go, and tests of
//! etcd 3.4 to 3.7 with each other's files.

use std::{fmt, str::FromStr};

use super::Error;
use crate::{
    bolt::Edit,
    schema::{
        RecordError, Version, auth, bucket, membership, meta,
        wire::{Fields, Value},
    },
    snapshot::Records,
};

/// The etcd release for which a directory is restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// 3.4: no term, raft configuration or storage version in the database.
    V3_4,
    /// 3.5: no storage version.
    V3_5,
    /// 3.6.
    V3_6,
    /// 3.7.
    V3_7,
}

impl Target {
    /// All releases, oldest first.
    pub const ALL: [Target; 4] = [Target::V3_4, Target::V3_5, Target::V3_6, Target::V3_7];

    /// The minor version.
    pub fn minor(self) -> u64 {
        match self {
            Target::V3_4 => 4,
            Target::V3_5 => 5,
            Target::V3_6 => 6,
            Target::V3_7 => 7,
        }
    }

    /// As a version.
    pub fn version(self) -> Version {
        Version::new(3, self.minor())
    }

    /// Whether a server of this release writes a record with this key to bucket `meta`.
    fn knows_meta(self, key: &[u8]) -> bool {
        match key {
            meta::CONSISTENT_INDEX | meta::SCHEDULED_COMPACT | meta::FINISHED_COMPACT => true,
            meta::TERM | meta::CONF_STATE => self >= Target::V3_5,
            meta::STORAGE_VERSION => self >= Target::V3_6,
            _ => false,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "3.{}", self.minor())
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Target, String> {
        Target::ALL
            .into_iter()
            .find(|target| target.to_string() == text)
            .ok_or_else(|| format!("a target is one of 3.4, 3.5, 3.6 and 3.7, not {text:?}"))
    }
}

/// A change to a bucket.
pub(super) type Change = (&'static [u8], Edit);

/// The changes needed in a database with these records.
pub(super) fn changes(records: &Records, target: Target) -> Vec<Change> {
    let version = target.version();
    let delete = |name, key: &[u8]| (name, Edit::Delete { key: key.to_vec() });
    let mut out = Vec::new();
    let meta = &records.meta;
    // Storage versions exist since 3.6. An older server ignores the record, but would leave it behind for a newer one.
    match &meta.storage_version {
        Some(_) if !target.knows_meta(meta::STORAGE_VERSION) => {
            out.push(delete(bucket::META, meta::STORAGE_VERSION));
        }
        Some(stored) if *stored > version => out.push((
            bucket::META,
            Edit::Put {
                key: meta::STORAGE_VERSION.to_vec(),
                value: meta::encode_version(&version),
            },
        )),
        _ => {}
    }
    if !target.knows_meta(meta::TERM) && meta.term.is_some() {
        out.push(delete(bucket::META, meta::TERM));
    }
    if !target.knows_meta(meta::CONF_STATE) && meta.conf_state.is_some() {
        out.push(delete(bucket::META, meta::CONF_STATE));
    }
    // A server exits if the cluster version is above its own. Without one, the members determine it again.
    let membership = &records.membership;
    if membership
        .cluster_version
        .as_ref()
        .is_some_and(|v| *v > version)
    {
        out.push(delete(bucket::CLUSTER, membership::CLUSTER_VERSION));
    }
    if membership.downgrade.is_some() {
        out.push(delete(bucket::CLUSTER, membership::DOWNGRADE));
    }
    out
}

/// Rejects a record that a server of the target release does not know, or that has fields which it does not know: the
/// server would drop or misread them.
///
/// # Errors
/// The error names the record and the field.
pub(super) fn check_record(
    target: Target,
    name: &[u8],
    key: &[u8],
    value: &[u8],
) -> Result<(), RecordError> {
    let unknown = || {
        let problem = format!("etcd {target} does not know this record");
        Err(RecordError::new(name, key, problem))
    };
    let (message, bytes) = match name {
        // Records that newer releases know and the target does not are removed.
        bucket::META if !Target::ALL.iter().any(|t| t.knows_meta(key)) => return unknown(),
        bucket::CLUSTER if ![membership::CLUSTER_VERSION, membership::DOWNGRADE].contains(&key) => {
            return unknown();
        }
        bucket::AUTH if ![auth::ENABLED, auth::REVISION].contains(&key) => return unknown(),
        _ if !bucket::ALL.contains(&name) => return unknown(),
        bucket::KEY => (&KEY_VALUE, value),
        bucket::LEASE => (&LEASE, value),
        bucket::AUTH_USERS => (&USER, value),
        bucket::AUTH_ROLES => (&ROLE, value),
        // The record of an alarm is its key.
        bucket::ALARM => (&ALARM_MEMBER, key),
        _ => return Ok(()),
    };
    match message.unknown_field(bytes) {
        Some((message, field)) => {
            let problem = format!("etcd {target} does not know field {field} of {message}");
            Err(RecordError::new(name, key, problem))
        }
        None => Ok(()),
    }
}

/// The fields of a message in a database file. They are the same in etcd 3.4 to 3.7.
struct Message {
    name: &'static str,
    /// The field numbers, each with its message type if it has one.
    fields: &'static [(u32, Option<&'static Message>)],
}

// Source: etcd v3.4.0 and v3.7.1, mvccpb/kv.proto, lease/leasepb/lease.proto, authpb/auth.proto, etcdserverpb/rpc.proto.
static KEY_VALUE: Message = Message {
    name: "KeyValue",
    fields: &[
        (1, None),
        (2, None),
        (3, None),
        (4, None),
        (5, None),
        (6, None),
    ],
};
static LEASE: Message = Message {
    name: "Lease",
    fields: &[(1, None), (2, None), (3, None)],
};
static USER: Message = Message {
    name: "User",
    fields: &[(1, None), (2, None), (3, None), (4, Some(&USER_OPTIONS))],
};
static USER_OPTIONS: Message = Message {
    name: "UserAddOptions",
    fields: &[(1, None)],
};
static ROLE: Message = Message {
    name: "Role",
    fields: &[(1, None), (2, Some(&PERMISSION))],
};
static PERMISSION: Message = Message {
    name: "Permission",
    fields: &[(1, None), (2, None), (3, None)],
};
static ALARM_MEMBER: Message = Message {
    name: "AlarmMember",
    fields: &[(1, None), (2, None)],
};

impl Message {
    /// Returns the first unknown field and the message that contains it. Bytes that are not a message are left to the
    /// codec of the record.
    fn unknown_field(&self, bytes: &[u8]) -> Option<(&'static str, u32)> {
        let mut fields = Fields::new(bytes);
        while let Ok(Some((number, value))) = fields.next() {
            let Some((_, inner)) = self.fields.iter().find(|(known, _)| *known == number) else {
                return Some((self.name, number));
            };
            if let (Some(inner), Value::Bytes(bytes)) = (inner, value)
                && let Some(found) = inner.unknown_field(bytes)
            {
                return Some(found);
            }
        }
        None
    }
}

/// Rejects a database that is newer than any release that this program knows.
pub(super) fn check_version(records: &Records, target: Target) -> Result<(), Error> {
    match &records.meta.storage_version {
        Some(stored) if *stored > Version::new(3, 7) && stored.minor > 7 => {
            Err(Error::Refused(format!(
                "the snapshot has storage version {stored}, which cannot be restored for etcd {target}: \
                 its format is unknown"
            )))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_that_a_release_does_not_know_are_named() {
        let check = |name: &[u8], key: &[u8], value: &[u8]| {
            let error = check_record(Target::V3_6, name, key, value).err()?;
            Some(error.to_string())
        };
        for (name, key, value, field) in [
            (
                bucket::KEY,
                &b"k"[..],
                &b"\x0a\x01k\x38\x01"[..],
                "field 7 of KeyValue",
            ),
            (
                bucket::LEASE,
                b"12345678",
                b"\x08\x01\x22\x00",
                "field 4 of Lease",
            ),
            (
                bucket::AUTH_USERS,
                b"u",
                b"\x0a\x01u\x2a\x00",
                "field 5 of User",
            ),
            (
                bucket::AUTH_USERS,
                b"u",
                b"\x0a\x01u\x22\x02\x10\x01",
                "field 2 of UserAddOptions",
            ),
            (
                bucket::AUTH_ROLES,
                b"r",
                b"\x0a\x01r\x1a\x00",
                "field 3 of Role",
            ),
            (
                bucket::AUTH_ROLES,
                b"r",
                b"\x12\x02\x20\x01",
                "field 4 of Permission",
            ),
            (
                bucket::ALARM,
                b"\x08\x01\x18\x01",
                b"",
                "field 3 of AlarmMember",
            ),
        ] {
            let error = check(name, key, value).unwrap();
            assert!(error.contains("etcd 3.6 does not know "), "{error}");
            assert!(error.contains(field), "{error}");
        }
        for (name, key, value) in [
            (
                bucket::KEY,
                &b"k"[..],
                &b"\x0a\x01k\x10\x02\x18\x02\x20\x01\x2a\x01v\x30\x07"[..],
            ),
            (
                bucket::AUTH_USERS,
                b"u",
                b"\x0a\x01u\x12\x01p\x1a\x01r\x22\x02\x08\x01",
            ),
            (
                bucket::AUTH_ROLES,
                b"r",
                b"\x12\x06\x08\x02\x12\x01a\x1a\x00",
            ),
            (bucket::META, meta::TERM, b""),
        ] {
            assert_eq!(check(name, key, value), None);
        }
        assert!(
            check(b"new", b"k", b"")
                .unwrap()
                .contains("does not know this record")
        );
    }
}
