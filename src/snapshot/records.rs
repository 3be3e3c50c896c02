//! Reads every record of a file once, in the order of the file, and checks each against the codec of its
//! bucket. Gathers what must be known afterwards; anything else that is done with a record is up to the
//! caller.

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

/// What the small buckets of a file hold.
#[derive(Debug, Default)]
pub struct Records {
    /// Bucket `meta`.
    pub meta: Meta,
    /// Buckets `members`, `members_removed` and `cluster`.
    pub membership: Membership,
    /// Bucket `auth`.
    pub auth: Auth,
    /// Names in `authUsers`.
    pub users: u64,
    /// Whether there is a user `root` that has the role `root`.
    pub has_root: bool,
    /// Records in `lease`.
    pub leases: u64,
    /// Records in `alarm`.
    pub alarms: u64,
    /// Main revision of the last record in `key`; 0 without any.
    pub last_revision: i64,
    roles: BTreeSet<Vec<u8>>,
    seen: BTreeSet<Vec<u8>>,
}

impl Records {
    /// The revision that a server on this file is at: at least 1, and never below a compaction.
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
                // `authRoles` stands before `authUsers` in the file. `root` may be granted before it is made.
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

/// One record of `key`. Asks of it what every version of etcd keeps to.
#[inline]
fn read_history<'a>(
    key: &[u8],
    value: &'a [u8],
) -> Result<(RevisionKey, KeyValueRef<'a>), RecordError> {
    let wrong = |problem: String| Err(RecordError::new(bucket::KEY, key, problem));
    let at = RevisionKey::of_record(key)?;
    let kv = KeyValueRef::of_record(key, value)?;
    let main = at.revision.main;
    if at.tombstone {
        if kv.mod_revision != 0 || kv.create_revision != 0 || !kv.value.is_empty() {
            return wrong("a tombstone holds nothing but its key".into());
        }
    } else if key.len() == TOMBSTONE_LEN {
        return wrong("a revision of 18 bytes ends in 't'".into());
    } else if value.is_empty() {
        // `snapshot restore --bump-revision` leaves such a record at the new revision.
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

/// What [`inspect`] meets, in the order of the file.
#[derive(Clone, Copy, Debug)]
pub enum Item<'a> {
    /// A bucket begins.
    Bucket(&'a [u8]),
    /// A record of bucket `key`.
    History {
        /// As it stands in the file.
        key: &'a [u8],
        /// As it stands in the file.
        value: &'a [u8],
        /// The key, decoded.
        at: RevisionKey,
        /// The value, decoded.
        kv: KeyValueRef<'a>,
    },
    /// A record of any other bucket, the one that began last.
    Record {
        /// As it stands in the file.
        key: &'a [u8],
        /// As it stands in the file.
        value: &'a [u8],
    },
}

/// Gets everything that [`inspect`] meets and finds in order.
pub type Visitor<'a> = dyn FnMut(Item<'_>) -> Result<(), RecordError> + 'a;

/// Walks all pages and records of `file` once: checks every page that is reached, and every record.
///
/// # Errors
/// The file cannot be read, or something in it cannot be right; the first such thing is named.
pub fn inspect(file: &SnapshotFile, visit: &mut Visitor<'_>) -> Result<Records, Error> {
    let mut inspector = Inspector::new(visit);
    let findings = file
        .reader()
        .check_with(&mut |v| inspector.see(v))?
        .findings;
    inspector.finish(file.path(), findings)
}

/// Checks the records that a walk over a file shows it.
pub(super) struct Inspector<'a, 'v> {
    records: Records,
    visit: &'a mut Visitor<'v>,
    /// The bucket that began last.
    bucket: Vec<u8>,
    /// The first bad record, the page it stands in, and how many there are.
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

    /// Takes in what the walk meets.
    pub fn see(&mut self, met: Visit<'_>) {
        let (page, result) = match met {
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
                let problem = "a bucket stands where a record should";
                (page, Err(RecordError::new(&self.bucket, key, problem)))
            }
        };
        if let Err(e) = result {
            self.bad_count += 1;
            self.bad.get_or_insert((page, e));
        }
    }

    /// What was gathered, once the walk is over and has come to `findings` about pages.
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
