//! `--target`: the changes to a database that let an older etcd start on it, and what that etcd cannot use at all.
//! Source: etcd v3.7.1, server/storage/schema/{schema,actions}.go, server/etcdserver/version/downgrade.go, and tests of
//! etcd 3.4 to 3.7 with each other's files.

use std::{fmt, str::FromStr};

use super::Error;
use crate::{
    bolt::Edit,
    schema::{RecordError, Version, bucket, membership, meta},
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

/// Rejects a record that a server of the target release does not know.
///
/// # Errors
/// The error names the record.
pub(super) fn check_record(target: Target, name: &[u8], key: &[u8]) -> Result<(), RecordError> {
    let unknown = || {
        let problem = format!("etcd {target} does not know this record");
        Err(RecordError::new(name, key, problem))
    };
    match name {
        // Records that newer releases know and the target does not are removed.
        bucket::META if !Target::ALL.iter().any(|t| t.knows_meta(key)) => unknown(),
        bucket::CLUSTER if ![membership::CLUSTER_VERSION, membership::DOWNGRADE].contains(&key) => {
            unknown()
        }
        bucket::AUTH
            if ![crate::schema::auth::ENABLED, crate::schema::auth::REVISION].contains(&key) =>
        {
            unknown()
        }
        _ if !bucket::ALL.contains(&name) => unknown(),
        _ => Ok(()),
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
