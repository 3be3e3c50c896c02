//! Every record of a file read once, in the order of the file, each against the codec of its
//! bucket. Gathers what must be known afterwards; what else to do with a record is the caller's.

use std::collections::BTreeSet;

use super::{Error, SnapshotFile};
use crate::{
    bolt::Visit,
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
    /// Records in `lease`.
    pub leases: u64,
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
/// The file can't be read, or something in it can't be right; the first such thing is named.
pub fn inspect(file: &SnapshotFile, visit: &mut Visitor<'_>) -> Result<Records, Error> {
    let mut records = Records::default();
    let mut name = Vec::new();
    let mut bad: Option<(u64, RecordError)> = None;
    let mut bad_count = 0usize;
    let mut see = |v: Visit<'_>| {
        let (at, result) = match v {
            Visit::Bucket { name: n } => {
                name = n.to_vec();
                records.seen.insert(n.to_vec());
                (0, visit(Item::Bucket(&name)))
            }
            Visit::Entry {
                page,
                flags: 0,
                key,
                value,
            } => (page, records.read(&name, key, value).and_then(&mut *visit)),
            Visit::Entry { page, key, .. } => {
                let problem = "a bucket stands where a record should";
                (page, Err(RecordError::new(&name, key, problem)))
            }
        };
        if let Err(e) = result {
            bad_count += 1;
            bad.get_or_insert((at, e));
        }
    };
    let findings = file.reader().check_with(&mut see)?.findings;
    let path = file.path().to_owned();
    let others = findings.len().saturating_sub(1);
    if let Some(first) = findings.into_iter().next() {
        return Err(Error::Page {
            file: path,
            first: Box::new(first),
            others,
        });
    }
    if let Some((page, first)) = bad {
        return Err(Error::Record {
            file: path,
            page,
            first: Box::new(first),
            others: bad_count - 1,
        });
    }
    if let Some(missing) = bucket::REQUIRED
        .iter()
        .find(|b| !records.seen.contains(**b))
    {
        return Err(Error::NotEtcd {
            file: path,
            bucket: String::from_utf8_lossy(missing).into_owned(),
        });
    }
    Ok(records)
}
