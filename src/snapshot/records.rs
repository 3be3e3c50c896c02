//! Reads every record of a file once, in the order of the file, and decodes each to check it. Collects the content of
//! the small buckets; callers can process the records as they are read.

use std::{collections::BTreeSet, path::Path};

use super::{Error, SnapshotFile};
use crate::{
    bolt::{Finding, Visit},
    schema::{
        RecordError, alarm,
        auth::{self, Auth},
        bucket,
        key::{KeyValueRef, RevisionKey, TOMBSTONE_LEN},
        lease,
        membership::Membership,
        meta::Meta,
    },
};

/// Main revision of the first change in a cluster; an empty one is at revision 1.
const FIRST_REVISION: i64 = 2;

/// The content of a file's small buckets.
#[derive(Debug, Default)]
pub struct Records {
    /// Bucket `meta`.
    pub meta: Meta,
    /// Buckets `members`, `members_removed` and `cluster`.
    pub membership: Membership,
    /// Bucket `auth`.
    pub auth: Auth,
    /// Number of records in `authUsers`.
    pub users: u64,
    /// Whether the user `root` exists and has the role `root`.
    pub has_root: bool,
    /// Number of records in `lease`.
    pub leases: u64,
    /// Number of records in `alarm`.
    pub alarms: u64,
    /// Main revision of the last record in `key`; 0 if there are none.
    pub last_revision: i64,
    roles: BTreeSet<Vec<u8>>,
    seen: BTreeSet<Vec<u8>>,
}

impl Records {
    /// The current revision of a server on this file: at least 1, and never below the compact revision.
    pub fn current_revision(&self) -> i64 {
        self.last_revision
            .max(self.meta.compact_revision().unwrap_or(0))
            .max(1)
    }

    #[inline]
    fn read<'a>(
        &mut self,
        name: &[u8],
        key: &'a [u8],
        value: &'a [u8],
    ) -> Result<Item<'a>, RecordError> {
        if name == bucket::KEY {
            let (at, kv) = read_history(key, value)?;
            self.last_revision = at.revision.main;
            return Ok(Item::History { key, value, at, kv });
        }
        self.read_small(name, key, value)?;
        Ok(Item::Record { key, value })
    }

    fn read_small(&mut self, name: &[u8], key: &[u8], value: &[u8]) -> Result<(), RecordError> {
        match name {
            bucket::META => self.meta.read(key, value)?,
            bucket::AUTH => self.auth.read(key, value)?,
            bucket::AUTH_ROLES => {
                auth::decode_role(key, value)?;
                self.roles.insert(key.to_vec());
            }
            bucket::AUTH_USERS => {
                self.users += 1;
                let user = auth::decode_user(key, value)?;
                self.has_root |= key == b"root" && user.roles.iter().any(|r| r == "root");
                // `authRoles` precedes `authUsers` in the file. The role `root` may be granted before it is created.
                let unknown =
                    |r: &&String| r.as_str() != "root" && !self.roles.contains(r.as_bytes());
                if let Some(role) = user.roles.iter().find(unknown) {
                    let problem = format!("the user has role {role:?}, which does not exist");
                    return Err(RecordError::new(name, key, problem));
                }
            }
            bucket::LEASE => {
                self.leases += 1;
                lease::decode(key, value)?;
            }
            bucket::ALARM => {
                self.alarms += 1;
                alarm::decode(key)?;
            }
            _ => self.membership.read(name, key, value)?,
        }
        Ok(())
    }
}

/// Checks a record of `key` by the rules that all versions of etcd obey.
#[inline]
pub(super) fn read_history<'a>(
    key: &[u8],
    value: &'a [u8],
) -> Result<(RevisionKey, KeyValueRef<'a>), RecordError> {
    let wrong = |problem: String| Err(RecordError::new(bucket::KEY, key, problem));
    let at = RevisionKey::of_record(key)?;
    let kv = KeyValueRef::of_record(key, value)?;
    let main = at.revision.main;
    if main < FIRST_REVISION {
        return wrong(format!("the first change has revision {FIRST_REVISION}"));
    }
    if at.tombstone {
        let only_key = KeyValueRef {
            key: kv.key,
            ..KeyValueRef::default()
        };
        if kv != only_key {
            return wrong("a tombstone contains only its key".into());
        }
    } else if key.len() == TOMBSTONE_LEN {
        return wrong("a revision of 18 bytes ends in 't'".into());
    } else if value.is_empty() {
        // `snapshot restore --bump-revision` writes such a record at the new revision.
    } else if kv.mod_revision != main {
        return wrong(format!("the record says mod revision {}", kv.mod_revision));
    } else if kv.create_revision > main || kv.version < 1 {
        let (created, version) = (kv.create_revision, kv.version);
        return wrong(format!(
            "the record says version {version}, created at revision {created}"
        ));
    }
    Ok((at, kv))
}

/// What [`inspect`] visits, in the order of the file.
#[derive(Clone, Copy, Debug)]
pub enum Item<'a> {
    /// The start of a bucket.
    Bucket(&'a [u8]),
    /// A record of bucket `key`.
    History {
        /// The key, not decoded.
        key: &'a [u8],
        /// The value, not decoded.
        value: &'a [u8],
        /// The decoded key.
        at: RevisionKey,
        /// The decoded value.
        kv: KeyValueRef<'a>,
    },
    /// A record of the current bucket, if that is not `key`.
    Record {
        /// The key, not decoded.
        key: &'a [u8],
        /// The value, not decoded.
        value: &'a [u8],
    },
}

/// Called for everything that [`inspect`] visits, in order.
pub type Visitor<'a> = dyn FnMut(Item<'_>) -> Result<(), RecordError> + 'a;

/// Reads all pages and records of `file` once, and checks every page in use and every record.
///
/// # Errors
/// The file cannot be read, or something in it is invalid; the error names the first finding.
pub fn inspect(file: &SnapshotFile, visit: &mut Visitor<'_>) -> Result<Records, Error> {
    let mut inspector = Inspector::new(visit);
    let findings = file
        .reader()
        .check_with(&mut |v| inspector.add(v))?
        .findings;
    inspector.finish(file.path(), findings)
}

/// Checks the records that a walk over a file visits.
pub(super) struct Inspector<'a, 'v> {
    records: Records,
    visit: &'a mut Visitor<'v>,
    /// The current bucket.
    bucket: Vec<u8>,
    /// The first invalid record, the page that holds it, and the number of invalid records.
    bad: Option<(u64, RecordError)>,
    bad_count: usize,
}

impl<'a, 'v> Inspector<'a, 'v> {
    pub fn new(visit: &'a mut Visitor<'v>) -> Self {
        Inspector {
            records: Records::default(),
            visit,
            bucket: Vec::new(),
            bad: None,
            bad_count: 0,
        }
    }

    /// Adds what the walk visits.
    pub fn add(&mut self, visit: Visit<'_>) {
        let (page, result) = match visit {
            Visit::Bucket { name } => {
                self.bucket = name.to_vec();
                self.records.seen.insert(name.to_vec());
                (0, (self.visit)(Item::Bucket(&self.bucket)))
            }
            Visit::Entry {
                page,
                flags: 0,
                key,
                value,
            } => {
                let item = self.records.read(&self.bucket, key, value);
                (page, item.and_then(&mut *self.visit))
            }
            Visit::Entry { page, key, .. } => {
                let problem = "there is a bucket instead of a record";
                (page, Err(RecordError::new(&self.bucket, key, problem)))
            }
        };
        if let Err(e) = result {
            self.bad_count += 1;
            self.bad.get_or_insert((page, e));
        }
    }

    /// Returns what was collected, after the walk has ended with `findings` about pages.
    pub fn finish(self, path: &Path, findings: Vec<Finding>) -> Result<Records, Error> {
        let file = path.to_owned();
        let others = findings.len().saturating_sub(1);
        if let Some(first) = findings.into_iter().next() {
            return Err(Error::Page {
                file,
                first: Box::new(first),
                others,
            });
        }
        if let Some((page, first)) = self.bad {
            return Err(Error::Record {
                file,
                page,
                first: Box::new(first),
                others: self.bad_count - 1,
            });
        }
        let seen = &self.records.seen;
        if let Some(missing) = bucket::REQUIRED.iter().find(|b| !seen.contains(**b)) {
            return Err(Error::NotEtcd {
                file,
                bucket: String::from_utf8_lossy(missing).into_owned(),
            });
        }
        Ok(self.records)
    }
}
