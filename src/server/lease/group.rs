//! Changes to leases that the writer has applied but not yet committed. Queries return the state after the last applied
//! request; readers, renewals and expiry see none of it before [`Group::commit`]. Writes no records: the caller stores
//! those that the methods return, in the same batch as the rest of the group.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Instant,
};

use bytes::Bytes;

use super::lessor::Lessor;
use crate::{proto::leasepb, server::error::Error};

/// Maximum TTL in seconds (etcd v3.7.1, server/lease/lessor.go).
pub const MAX_TTL: i64 = 9_000_000_000;

/// A lease as of the end of the group.
#[derive(Clone, Copy, Debug)]
pub(super) struct Applied {
    pub ttl: i64,
    pub remaining: i64,
    /// Whether the group granted it; a committed lease with the same id has then been revoked.
    pub granted: bool,
}

/// The changes made by the requests that the writer has applied since its last commit.
#[derive(Debug)]
pub struct Group {
    lessor: Arc<Lessor>,
    /// Leases that were granted or checkpointed; `None` if revoked.
    pub(super) leases: HashMap<i64, Option<Applied>>,
    /// The lease of every key that was attached; 0 if detached.
    pub(super) items: HashMap<Bytes, i64>,
    /// Every key that the group attached to a lease at any time.
    attached: HashMap<i64, BTreeSet<Bytes>>,
}

impl Group {
    /// A group without changes to the committed leases.
    pub fn new(lessor: Arc<Lessor>) -> Group {
        Group {
            lessor,
            leases: HashMap::new(),
            items: HashMap::new(),
            attached: HashMap::new(),
        }
    }

    /// The committed leases.
    pub fn lessor(&self) -> &Arc<Lessor> {
        &self.lessor
    }

    fn find(&self, id: i64) -> Option<Applied> {
        match self.leases.get(&id) {
            Some(applied) => *applied,
            None => self.lessor.find(id).map(|(ttl, remaining)| Applied {
                ttl,
                remaining,
                granted: false,
            }),
        }
    }

    /// Whether there is a lease with this id.
    pub fn exists(&self, id: i64) -> bool {
        self.find(id).is_some()
    }

    /// Whether the group has granted, checkpointed or revoked this lease.
    pub fn has_changed(&self, id: i64) -> bool {
        self.leases.contains_key(&id)
    }

    /// Grants a lease. Returns its record with the actual TTL.
    ///
    /// # Errors
    /// The id is 0 ("requested lease not found", as in etcd) or in use, or the TTL is too large.
    pub fn grant(&mut self, id: i64, ttl: i64) -> Result<leasepb::Lease, Error> {
        if id == 0 {
            return Err(Error::LeaseNotFound);
        }
        if ttl > MAX_TTL {
            return Err(Error::LeaseTTLTooLarge);
        }
        if self.exists(id) {
            return Err(Error::LeaseExist);
        }
        let ttl = ttl.max(self.lessor.limits().min_ttl);
        let granted = Applied {
            ttl,
            remaining: 0,
            granted: true,
        };
        self.leases.insert(id, Some(granted));
        Ok(leasepb::Lease {
            id,
            ttl,
            remaining_ttl: 0,
        })
    }

    /// The keys attached to a lease, in order. They must be deleted before it is revoked.
    ///
    /// # Errors
    /// The lease does not exist.
    pub fn keys(&self, id: i64) -> Result<Vec<Bytes>, Error> {
        if !self.exists(id) {
            return Err(Error::LeaseNotFound);
        }
        // The committed keys that the group did not move, and those that it moved here.
        let mut keys: BTreeSet<Bytes> = self.lessor.keys(id).into_iter().collect();
        if !self.items.is_empty() {
            keys.retain(|key| self.items.get(key).is_none_or(|on| *on == id));
        }
        if let Some(attached) = self.attached.get(&id) {
            let here = |key: &&Bytes| self.items.get(*key) == Some(&id);
            keys.extend(attached.iter().filter(here).cloned());
        }
        Ok(keys.into_iter().collect())
    }

    /// Revokes a lease. The caller has deleted its keys.
    ///
    /// # Errors
    /// The lease does not exist.
    pub fn revoke(&mut self, id: i64) -> Result<(), Error> {
        for key in self.keys(id)? {
            self.items.insert(key, 0);
        }
        self.leases.insert(id, None);
        Ok(())
    }

    /// Records the remaining TTL of a lease in seconds (0: the whole TTL). Returns its record, or `None` if the lease
    /// no longer exists, which is not an error.
    pub fn checkpoint(&mut self, id: i64, remaining: i64) -> Option<leasepb::Lease> {
        let mut lease = self.find(id)?;
        lease.remaining = remaining;
        self.leases.insert(id, Some(lease));
        Some(leasepb::Lease {
            id,
            ttl: lease.ttl,
            remaining_ttl: remaining,
        })
    }

    /// Records that a key was put with this lease (0: without a lease), or deleted (0).
    pub fn attach(&mut self, key: &Bytes, id: i64) {
        if id == 0 && self.items.is_empty() && !self.lessor.has_items() {
            return;
        }
        let on = match self.items.get(key) {
            Some(on) => *on,
            None => self.lessor.lease_of(key),
        };
        if on == id {
            return;
        }
        if id == 0 {
            self.items.insert(key.clone(), 0);
            return;
        }
        // Copy the key, because it may share memory with a large value, and leases may live long.
        let key = Bytes::copy_from_slice(key);
        self.items.insert(key.clone(), id);
        self.attached.entry(id).or_default().insert(key);
    }

    /// Whether there are no changes.
    pub fn is_empty(&self) -> bool {
        self.leases.is_empty() && self.items.is_empty()
    }

    /// The group is durable: makes its changes visible to everybody. The TTLs of new leases start now.
    pub fn commit(&mut self, now: Instant) {
        if !self.is_empty() {
            self.lessor.commit(self, now);
            self.leases.clear();
            self.items.clear();
            self.attached.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeMap,
        time::{SystemTime, UNIX_EPOCH},
    };

    use super::*;
    use crate::server::lease::{Limits, Renewal};

    fn group() -> Group {
        Group::new(Arc::new(Lessor::new(Limits::default())))
    }

    fn key(text: &'static str) -> Bytes {
        Bytes::from_static(text.as_bytes())
    }

    #[test]
    fn grants_are_checked() {
        let mut group = group();
        assert_eq!(group.grant(0, 10), Err(Error::LeaseNotFound));
        assert_eq!(group.grant(1, MAX_TTL + 1), Err(Error::LeaseTTLTooLarge));
        assert_eq!(group.grant(1, MAX_TTL).map(|l| l.ttl), Ok(MAX_TTL));
        assert_eq!(group.grant(1, 10), Err(Error::LeaseExist), "in the group");
        for (id, ttl) in [(2, 0), (3, -5), (4, i64::MIN), (5, 1)] {
            assert_eq!(
                group.grant(id, ttl).map(|l| l.ttl),
                Ok(2),
                "the smallest TTL"
            );
        }
        assert_eq!(group.grant(-6, 10).map(|l| l.id), Ok(-6));
        group.commit(Instant::now());
        assert_eq!(group.grant(1, 10), Err(Error::LeaseExist), "committed");
        assert_eq!(group.lessor().len(), 6);
    }

    #[test]
    fn nothing_is_seen_before_the_commit() {
        let mut group = group();
        let lessor = group.lessor().clone();
        let now = Instant::now();
        group.grant(1, 10).unwrap();
        group.attach(&key("k"), 1);
        assert_eq!(lessor.renew(1, now), Renewal::NotFound);
        assert_eq!(group.keys(1), Ok(vec![key("k")]));
        group.commit(now);
        assert_eq!(lessor.renew(1, now), Renewal::Renewed(10));
        assert_eq!(lessor.keys(1), [key("k")]);
        group.revoke(1).unwrap();
        assert_eq!(group.revoke(1), Err(Error::LeaseNotFound));
        assert_eq!(lessor.keys(1), [key("k")]);
        group.commit(now);
        assert_eq!(lessor.status(1, now), None);
        assert_eq!(lessor.lease_of(b"k"), 0);
    }

    #[test]
    fn an_id_may_be_granted_again_in_the_group_that_revokes_it() {
        let mut group = group();
        let now = Instant::now();
        group.grant(1, 10).unwrap();
        group.attach(&key("old"), 1);
        group.commit(now);
        group.revoke(1).unwrap();
        group.grant(1, 20).unwrap();
        assert_eq!(group.keys(1), Ok(vec![]));
        group.attach(&key("new"), 1);
        group.commit(now);
        let status = group.lessor().status(1, now).unwrap();
        assert_eq!((status.granted, status.keys), (20, vec![key("new")]));
    }

    #[test]
    fn a_checkpoint_is_kept_and_cleared() {
        let mut group = group();
        let now = Instant::now();
        assert_eq!(group.checkpoint(1, 5), None);
        group.grant(1, 600).unwrap();
        group.commit(now);
        let record = group.checkpoint(1, 300).unwrap();
        assert_eq!((record.ttl, record.remaining_ttl), (600, 300));
        group.commit(now);
        let lessor = group.lessor().clone();
        assert_eq!(lessor.renew(1, now), Renewal::Checkpointed);
        group.checkpoint(1, 0);
        group.commit(now);
        assert_eq!(lessor.renew(1, now), Renewal::Renewed(600));
    }

    /// Compares groups of random requests with plain maps. A failure message contains the seed.
    #[test]
    fn random_groups_end_as_plain_maps_do() {
        let seed = std::env::var("SEED").ok().and_then(|s| s.parse().ok());
        let clock = || {
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map(|d| d.as_nanos() as u64)
        };
        let seed: u64 = seed.unwrap_or_else(|| clock().unwrap_or(1)) | 1;
        let mut state = seed;
        let mut random = |below: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % below
        };
        let mut group = group();
        let now = Instant::now();
        let mut leases: BTreeMap<i64, i64> = BTreeMap::new();
        let mut items: BTreeMap<Bytes, i64> = BTreeMap::new();
        for _ in 0..20_000 {
            let id = random(8) as i64 + 1;
            let key = Bytes::from(format!("k{}", random(16)));
            match random(8) {
                0 => {
                    let ttl = random(100) as i64 + 2;
                    let granted = group.grant(id, ttl).is_ok();
                    assert_eq!(granted, !leases.contains_key(&id), "SEED={seed}");
                    leases.entry(id).or_insert(ttl);
                }
                1 => {
                    let revoked = group.revoke(id).is_ok();
                    assert_eq!(revoked, leases.remove(&id).is_some(), "SEED={seed}");
                    items.retain(|_, on| *on != id);
                }
                2 => group.commit(now),
                3 => {
                    group.attach(&key, 0);
                    items.remove(&key);
                }
                _ if leases.contains_key(&id) => {
                    group.attach(&key, id);
                    items.insert(key, id);
                }
                _ => {}
            }
            let on = |id: i64| {
                items
                    .iter()
                    .filter(move |(_, on)| **on == id)
                    .map(|(k, _)| k.clone())
            };
            let keys = group.keys(id).unwrap_or_default();
            assert_eq!(keys, on(id).collect::<Vec<_>>(), "SEED={seed}");
            if group.is_empty() {
                let lessor = group.lessor();
                assert_eq!(lessor.len(), leases.len(), "SEED={seed}");
                assert_eq!(lessor.keys(id), on(id).collect::<Vec<_>>(), "SEED={seed}");
            }
        }
        group.commit(now);
        for (id, ttl) in &leases {
            let status = group.lessor().status(*id, now);
            assert_eq!(status.map(|s| s.granted), Some(*ttl), "SEED={seed}");
        }
    }
}
