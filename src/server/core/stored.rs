//! Reads a database file apart from its keys: every bucket except `key`. Decides whether this server can serve the file;
//! restores nothing and writes nothing.

use std::{
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::open::OpenError;
use crate::{
    bolt::{self, Bucket, FileReader, ReadTx, Source},
    proto::{
        authpb::{Role, User},
        etcdserverpb::AlarmMember,
        leasepb,
    },
    schema::{
        self, RecordError, alarm, auth::Auth, bucket, fresh, lease, membership::Membership,
        meta::Meta,
    },
};

/// The content of a file apart from its keys.
#[derive(Default)]
pub struct Stored {
    /// Whether the file has no buckets.
    pub is_fresh: bool,
    missing: Vec<&'static [u8]>,
    pub meta: Meta,
    pub membership: Membership,
    pub alarms: Vec<AlarmMember>,
    pub auth: Auth,
    pub users: Vec<User>,
    pub roles: Vec<Role>,
    pub leases: Vec<leasepb::Lease>,
}

impl Stored {
    /// Reads a database of this server.
    ///
    /// # Errors
    /// A page or a record is damaged.
    pub fn of_tx(tx: &ReadTx, path: &Path) -> Result<Stored, OpenError> {
        let is_fresh = tx.buckets()?.next().transpose()?.is_none();
        Stored::read(is_fresh, |name| tx.bucket(name), path)
    }

    /// Reads a file of another owner.
    ///
    /// # Errors
    /// See [`Stored::of_tx`].
    pub fn of_file(reader: &FileReader, path: &Path) -> Result<Stored, OpenError> {
        let is_fresh = reader.buckets()?.next().transpose()?.is_none();
        Stored::read(is_fresh, |name| reader.bucket(name), path)
    }

    /// Reads all buckets except `key`. `open` opens a bucket by its name.
    fn read<S: Source>(
        is_fresh: bool,
        open: impl Fn(&[u8]) -> bolt::Result<Option<Bucket<S>>>,
        path: &Path,
    ) -> Result<Stored, OpenError> {
        let mut stored = Stored {
            is_fresh,
            ..Stored::default()
        };
        for name in bucket::ALL {
            let Some(records) = open(name)? else {
                stored.missing.push(name);
                continue;
            };
            if name == bucket::KEY {
                continue;
            }
            for entry in records.iter()? {
                let entry = entry?;
                stored
                    .take(name, &entry.key, &entry.value)
                    .map_err(|source| OpenError::Record {
                        path: path.into(),
                        source,
                    })?;
            }
        }
        Ok(stored)
    }

    fn take(&mut self, name: &'static [u8], key: &[u8], value: &[u8]) -> Result<(), RecordError> {
        match name {
            bucket::META => self.meta.read(key, value)?,
            bucket::ALARM => self.alarms.push(alarm::decode(key)?),
            bucket::LEASE => self.leases.push(lease::decode(key, value)?),
            bucket::AUTH => self.auth.read(key, value)?,
            bucket::AUTH_USERS => self.users.push(schema::auth::decode_user(key, value)?),
            bucket::AUTH_ROLES => self.roles.push(schema::auth::decode_role(key, value)?),
            _ => self.membership.read(name, key, value)?,
        }
        Ok(())
    }

    /// How long the file was not open in any server, if known: a clean stop records the time, and only a start of this
    /// server removes it.
    pub fn closed_for(&self, now: SystemTime) -> Duration {
        let Some(time) = self.meta.lease_checkpoint else {
            return Duration::ZERO;
        };
        if !time.is_of(self.meta.consistent_index, self.meta.term) {
            return Duration::ZERO;
        }
        let since = Duration::from_secs(u64::try_from(time.seconds).unwrap_or(0));
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        now.saturating_sub(since)
    }

    /// Rejects a file that this server cannot serve.
    ///
    /// # Errors
    /// A bucket is missing, or the storage version is too new.
    pub fn refuse_unsupported(&self, path: &Path) -> Result<(), OpenError> {
        let refuse = |what: String| {
            Err(OpenError::Unsupported {
                path: path.into(),
                what,
            })
        };
        if self.is_fresh {
            return Ok(());
        }
        for name in bucket::REQUIRED {
            if self.missing.contains(&name) {
                let name = String::from_utf8_lossy(name);
                return refuse(format!("not an etcd database: bucket {name} is missing"));
            }
        }
        match &self.meta.storage_version {
            Some(version) if *version > fresh::current_version() => refuse(format!(
                "its storage version {version} is newer than {}",
                fresh::current_version()
            )),
            _ => Ok(()),
        }
    }
}
