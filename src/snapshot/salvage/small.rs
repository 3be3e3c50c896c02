//! The records of all buckets but `key`: gathered, and made to fit together. They are few and kept in memory.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    bolt::MAX_KEY_SIZE,
    proto::authpb::User,
    schema::{
        auth, bucket, counter, fresh, lease,
        membership::{self, Membership},
        meta::{self, Meta},
        show_key,
    },
    snapshot::{
        restore::Target,
        small_records::{self, OLDEST_CLUSTER},
    },
};

/// Maximum size of the records that are kept, in bytes.
const MAX_BYTES: usize = 256 << 20;

/// More records than etcd ever has in these buckets.
#[derive(Debug)]
pub(super) struct TooLarge;

type Bucket = BTreeMap<Vec<u8>, Vec<u8>>;

/// The records of all buckets except `key`.
#[derive(Clone, Default)]
pub(super) struct Small {
    buckets: BTreeMap<&'static [u8], Bucket>,
    bytes: usize,
}

impl Small {
    /// Whether etcd could have written this record.
    pub fn is_readable(name: &[u8], key: &[u8], value: &[u8]) -> bool {
        // A wrong number of elements in a page makes elements without a key out of what follows.
        if key.is_empty() || key.len() > MAX_KEY_SIZE {
            return false;
        }
        match name {
            bucket::META => Meta::default().read(key, value).is_ok(),
            bucket::AUTH => auth::Auth::default().read(key, value).is_ok(),
            bucket::AUTH_ROLES | bucket::AUTH_USERS | bucket::LEASE | bucket::ALARM => {
                small_records::check(name, key, value).is_ok()
            }
            _ => Membership::default().read(name, key, value).is_ok(),
        }
    }

    /// Adds a record, unless there is already one with its key: the first one wins.
    pub fn add(&mut self, name: &'static [u8], key: &[u8], value: &[u8]) -> Result<(), TooLarge> {
        let records = self.buckets.entry(name).or_default();
        if !records.contains_key(key) {
            self.bytes += key.len() + value.len();
            if self.bytes > MAX_BYTES {
                return Err(TooLarge);
            }
            records.insert(key.to_vec(), value.to_vec());
        }
        Ok(())
    }

    /// The records of a bucket, in order.
    pub fn records(&self, name: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
        let records = self.buckets.get(name).into_iter().flatten();
        records.map(|(key, value)| (key.as_slice(), value.as_slice()))
    }

    /// Whether there are no records.
    pub fn is_empty(&self) -> bool {
        self.buckets.values().all(BTreeMap::is_empty)
    }

    /// The content of bucket `meta`.
    pub fn meta(&self) -> Meta {
        let mut meta = Meta::default();
        for (key, value) in self.records(bucket::META) {
            // Every record was decoded before it was added.
            let _ = meta.read(key, value);
        }
        meta
    }

    /// The ids of the leases.
    pub fn leases(&self) -> BTreeSet<i64> {
        let decoded = self.records(bucket::LEASE);
        let decoded = decoded.filter_map(|(key, value)| lease::decode(key, value).ok());
        decoded.map(|lease| lease.id).collect()
    }

    fn bucket(&mut self, name: &'static [u8]) -> &mut Bucket {
        self.buckets.entry(name).or_default()
    }

    /// Sets or removes the records of the latest compaction.
    pub fn set_compaction(&mut self, revision: Option<i64>) {
        let records = self.bucket(bucket::META);
        for key in [meta::SCHEDULED_COMPACT, meta::FINISHED_COMPACT] {
            match revision {
                Some(revision) => {
                    records.insert(key.to_vec(), meta::encode_compact(revision).to_vec());
                }
                None => {
                    records.remove(key);
                }
            }
        }
    }

    /// Removes inconsistent records. Returns a description of each removal.
    pub fn mend(&mut self) -> Vec<String> {
        let mut notes = Vec::new();
        self.mend_position(&mut notes);
        self.mend_versions(&mut notes);
        self.mend_members(&mut notes);
        self.mend_auth(&mut notes);
        notes
    }

    /// Mends the position in the log, the raft configuration and the auth revision. A restore, which begins a new log,
    /// replaces the first two.
    fn mend_position(&mut self, notes: &mut Vec<String>) {
        let meta = self.meta();
        let one = || meta::encode_number(1).to_vec();
        let is_count = |number: &u64| (1..counter::LIMIT).contains(number);
        if !meta.consistent_index.as_ref().is_some_and(is_count) {
            self.bucket(bucket::META)
                .insert(meta::CONSISTENT_INDEX.to_vec(), one());
            notes.push("the index of the last log entry is lost".into());
        }
        if let Some(problem) = meta.term.and_then(|n| counter::beyond_limit("the term", n)) {
            self.bucket(bucket::META).insert(meta::TERM.to_vec(), one());
            notes.push(problem);
        }
        if let Some(state) = meta.conf_state
            && (state.voters.is_empty() || small_records::named_twice(&state).is_some())
        {
            self.bucket(bucket::META).remove(meta::CONF_STATE);
            notes.push("the raft configuration contradicts itself".into());
        }
        let auth = self.auth();
        let is_lost = match auth.revision {
            None => auth.enabled == Some(true),
            Some(revision) => !is_count(&revision),
        };
        if is_lost {
            let first = auth::encode_revision(auth::FIRST_REVISION).to_vec();
            self.bucket(bucket::AUTH)
                .insert(auth::REVISION.to_vec(), first);
            notes.push("the auth revision is lost, and begins at 1 again".into());
        }
    }

    fn auth(&self) -> auth::Auth {
        let mut state = auth::Auth::default();
        for (key, value) in self.records(bucket::AUTH) {
            // Every record was decoded before it was added.
            let _ = state.read(key, value);
        }
        state
    }

    fn mend_versions(&mut self, notes: &mut Vec<String>) {
        let newest = fresh::current_version();
        if let Some(version) = self.meta().storage_version
            && (version > newest || version < Target::V3_6.version())
        {
            self.bucket(bucket::META).remove(meta::STORAGE_VERSION);
            notes.push(format!(
                "the storage version {version} is not one that etcd up to {newest} stores"
            ));
        }
        let membership = self.membership();
        if let Some(version) = membership.cluster_version
            && (version > newest || version < OLDEST_CLUSTER)
        {
            self.bucket(bucket::CLUSTER)
                .remove(membership::CLUSTER_VERSION);
            notes.push(format!(
                "the cluster version {version} is not one that etcd up to {newest} has"
            ));
        }
    }

    fn membership(&self) -> Membership {
        let mut membership = Membership::default();
        for name in [bucket::MEMBERS, bucket::MEMBERS_REMOVED, bucket::CLUSTER] {
            for (key, value) in self.records(name) {
                // Every record was decoded before it was added.
                let _ = membership.read(name, key, value);
            }
        }
        membership
    }

    fn mend_members(&mut self, notes: &mut Vec<String>) {
        let membership = self.membership();
        for id in membership.removed {
            if membership.members.contains_key(&id) {
                let key = membership::encode_id(id);
                self.bucket(bucket::MEMBERS_REMOVED).remove(&key);
                notes.push(format!("member {id:x} was also among the removed members"));
            }
        }
    }

    fn mend_auth(&mut self, notes: &mut Vec<String>) {
        // A lost role does not affect a user's other roles.
        let roles: BTreeSet<Vec<u8>> = self
            .records(bucket::AUTH_ROLES)
            .map(|(name, _)| name.to_vec())
            .collect();
        let known = |role: &String| role == "root" || roles.contains(role.as_bytes());
        let mut has_root = false;
        for (name, value) in self.bucket(bucket::AUTH_USERS) {
            // Every record was decoded before it was added.
            let Ok(User { roles: granted, .. }) = auth::decode_user(name, value) else {
                continue;
            };
            has_root |= name == b"root" && granted.iter().any(|role| role == "root");
            if granted.iter().all(known) {
                continue;
            }
            if let Ok(mut user) = auth::decode_user(name, value) {
                user.roles.retain(known);
                *value = auth::encode_user(&user);
            }
            notes.push(format!("user {} had a role that is lost", show_key(name)));
        }
        if self.auth().enabled == Some(true) && !has_root {
            let off = auth::encode_enabled(false).to_vec();
            self.bucket(bucket::AUTH)
                .insert(auth::ENABLED.to_vec(), off);
            notes.push(
                "authentication is off: the user root or its role is lost, and nobody could turn it off".into(),
            );
        }
    }
}
