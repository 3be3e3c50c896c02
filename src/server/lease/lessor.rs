//! The committed leases, shared by the writer, the readers, the renewals, and the thread that waits for deadlines. Does
//! not revoke leases: that thread receives the ids and revokes the leases through the writer.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
};

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use tokio::sync::Notify;

use super::{
    group::Group,
    table::{Due, Limits, Renewal, Table, after},
};

/// All committed leases of a server.
#[derive(Debug)]
pub struct Lessor {
    limits: Limits,
    state: Mutex<State>,
    /// Notified when there is a deadline earlier than the one being waited for, and at the end.
    earlier: Condvar,
    revoked: Notify,
    granted_total: AtomicU64,
    revoked_total: AtomicU64,
    renewed_total: AtomicU64,
    expired_total: AtomicU64,
}

#[derive(Debug)]
pub(super) struct State {
    pub table: Table,
    /// The time until which the waiting thread sleeps; `None` if it is not sleeping, or is sleeping without a limit.
    sleeps_until: Option<Instant>,
    closed: bool,
}

/// The status of a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Remaining whole seconds, rounded down.
    pub ttl: i64,
    /// Granted TTL in seconds.
    pub granted: i64,
    /// The attached keys, in order.
    pub keys: Vec<Bytes>,
}

/// Counters since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Leases granted.
    pub granted: u64,
    /// Leases revoked, including expired ones.
    pub revoked: u64,
    /// Renewals.
    pub renewed: u64,
    /// Leases revoked because they had expired.
    pub expired: u64,
}

impl Lessor {
    /// A lessor without leases.
    pub fn new(limits: Limits) -> Lessor {
        Lessor {
            limits,
            state: Mutex::new(State {
                table: Table::new(limits),
                sleeps_until: None,
                closed: false,
            }),
            earlier: Condvar::new(),
            revoked: Notify::new(),
            granted_total: AtomicU64::new(0),
            revoked_total: AtomicU64::new(0),
            renewed_total: AtomicU64::new(0),
            expired_total: AtomicU64::new(0),
        }
    }

    /// The settings.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(super) fn with_table<T>(&self, work: impl FnOnce(&mut Table) -> T) -> T {
        work(&mut self.state.lock().table)
    }

    /// TTL and checkpoint of a lease, seconds.
    pub(super) fn find(&self, id: i64) -> Option<(i64, i64)> {
        let state = self.state.lock();
        state
            .table
            .get(id)
            .map(|lease| (lease.ttl, lease.remaining))
    }

    /// Number of leases.
    pub fn len(&self) -> usize {
        self.state.lock().table.len()
    }

    /// Whether there are no leases.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether any key is attached to a lease.
    pub fn has_items(&self) -> bool {
        self.state.lock().table.has_items()
    }

    /// The lease that a key is attached to; 0: none.
    pub fn lease_of(&self, key: &[u8]) -> i64 {
        self.state.lock().table.lease_of(key)
    }

    /// Whether there is a lease with this id.
    pub fn exists(&self, id: i64) -> bool {
        self.find(id).is_some()
    }

    /// The keys attached to a lease, in order; none if it does not exist.
    pub fn keys(&self, id: i64) -> Vec<Bytes> {
        let state = self.state.lock();
        let keys = state.table.get(id).map(|lease| lease.keys.iter().cloned());
        keys.into_iter().flatten().collect()
    }

    /// The status of a lease; `None` if it does not exist.
    pub fn status(&self, id: i64, now: Instant) -> Option<Status> {
        let state = self.state.lock();
        let lease = state.table.get(id)?;
        let left = lease.expiry.saturating_duration_since(now).as_secs();
        Some(Status {
            ttl: i64::try_from(left).unwrap_or(i64::MAX),
            granted: lease.ttl,
            keys: lease.keys.iter().cloned().collect(),
        })
    }

    /// The ids of all leases, ordered by expiry.
    pub fn ids(&self) -> Vec<i64> {
        let state = self.state.lock();
        let mut all: Vec<(Instant, i64)> =
            state.table.iter().map(|(id, l)| (l.expiry, *id)).collect();
        drop(state);
        all.sort_unstable();
        all.into_iter().map(|(_, id)| id).collect()
    }

    /// Renews a lease. See [`Renewal`] for what to do if that is not possible yet.
    pub fn renew(&self, id: i64, now: Instant) -> Renewal {
        let renewal = self.state.lock().table.renew(id, now);
        if let Renewal::Renewed(_) = renewal {
            self.renewed_total.fetch_add(1, Ordering::Relaxed);
        }
        renewal
    }

    /// Notified after each commit that revoked a lease. A renewal that finds its lease expiring enables a notification
    /// (`notified().enable()`), looks again, and waits.
    pub fn revocations(&self) -> &Notify {
        &self.revoked
    }

    /// Applies the changes of a group; see [`Group::commit`].
    pub(super) fn commit(&self, group: &Group, now: Instant) {
        let (mut granted, mut revoked) = (0, 0);
        let mut state = self.state.lock();
        let table = &mut state.table;
        for (id, applied) in &group.leases {
            match applied {
                Some(lease) if lease.granted => {
                    revoked += u64::from(table.remove(*id));
                    table.insert(*id, lease.ttl, lease.remaining, after(now, lease.ttl), now);
                    granted += 1;
                }
                Some(lease) => table.checkpointed(*id, lease.remaining, now),
                None => revoked += u64::from(table.remove(*id)),
            }
        }
        for (key, id) in &group.items {
            table.attach(key, *id);
        }
        // Wake the waiting thread only if it would sleep past the next deadline.
        let next = state.table.next_deadline();
        let wake = match (next, state.sleeps_until) {
            (Some(next), Some(until)) => next < until,
            (Some(_), None) => true,
            (None, _) => false,
        };
        drop(state);
        if wake {
            self.earlier.notify_one();
        }
        if revoked > 0 {
            self.revoked.notify_waiters();
        }
        self.granted_total.fetch_add(granted, Ordering::Relaxed);
        self.revoked_total.fetch_add(revoked, Ordering::Relaxed);
    }

    /// Waits until something is due and returns it; `None` after [`Lessor::close`]. The thread sleeps between two
    /// deadlines, however many leases there are.
    pub fn wait(&self) -> Option<Due> {
        let mut state = self.state.lock();
        while !state.closed {
            let due = state.table.due(Instant::now());
            if !due.expired.is_empty() || !due.checkpoints.is_empty() {
                state.sleeps_until = Some(Instant::now());
                return Some(due);
            }
            state.sleeps_until = due.next;
            match due.next {
                Some(next) => {
                    self.earlier.wait_until(&mut state, next);
                }
                None => self.earlier.wait(&mut state),
            }
        }
        None
    }

    /// Leases that have expired by now, regardless of the revoke rate. They are revoked when the file is opened, before
    /// anything is served.
    pub fn expired(&self, now: Instant) -> Vec<i64> {
        self.state.lock().table.expired(now)
    }

    /// Ends [`Lessor::wait`].
    pub fn close(&self) {
        self.state.lock().closed = true;
        self.earlier.notify_all();
    }

    /// Counts leases that were revoked because they had expired.
    pub fn count_expired(&self, number: u64) {
        self.expired_total.fetch_add(number, Ordering::Relaxed);
    }

    /// The counters since the start.
    pub fn counts(&self) -> Counts {
        Counts {
            granted: self.granted_total.load(Ordering::Relaxed),
            revoked: self.revoked_total.load(Ordering::Relaxed),
            renewed: self.renewed_total.load(Ordering::Relaxed),
            expired: self.expired_total.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, thread, time::Duration};

    use super::*;
    use crate::server::error::Error;

    fn lessor() -> (Arc<Lessor>, Group) {
        let lessor = Arc::new(Lessor::new(Limits::default()));
        (lessor.clone(), Group::new(lessor))
    }

    #[test]
    fn leases_are_listed_by_their_expiry() {
        let (lessor, mut group) = lessor();
        let now = Instant::now();
        for (id, ttl) in [(1, 30), (2, 10), (3, 20)] {
            group.grant(id, ttl).unwrap();
        }
        group.commit(now);
        assert_eq!(lessor.ids(), [2, 3, 1]);
        lessor.renew(2, now + Duration::from_secs(9) + Duration::from_millis(500));
        assert_eq!(lessor.ids(), [2, 3, 1], "it expires at 19.5");
        let status = lessor.status(2, now + Duration::from_secs(10)).unwrap();
        assert_eq!((status.ttl, status.granted), (9, 10));
        assert_eq!(
            lessor.status(2, now + Duration::from_secs(99)).unwrap().ttl,
            0
        );
    }

    #[test]
    fn the_waiting_thread_is_woken_for_earlier_deadlines_and_at_the_end() {
        let (lessor, mut group) = lessor();
        let waits = lessor.clone();
        let thread = thread::spawn(move || {
            let mut all = Vec::new();
            while let Some(due) = waits.wait() {
                all.extend(due.expired);
            }
            all
        });
        // Already expired, so that the test does not wait for a TTL.
        let past = Instant::now()
            .checked_sub(Duration::from_secs(100))
            .unwrap();
        group.grant(1, 1000).unwrap();
        group.commit(past);
        group.grant(2, 10).unwrap();
        group.commit(past);
        // The lease has been returned for revocation, so a renewal has to wait until it is revoked.
        assert_eq!(lessor.renew(2, Instant::now()), Renewal::Expiring);
        while lessor.with_table(|t| t.next_deadline()) <= Some(Instant::now()) {
            thread::yield_now();
        }
        lessor.close();
        assert_eq!(thread.join().unwrap(), [2]);
    }

    #[tokio::test]
    async fn a_renewal_can_wait_for_the_revocation() {
        let (lessor, mut group) = lessor();
        group.grant(1, 10).unwrap();
        group.commit(Instant::now());
        let revoked = lessor.revocations().notified();
        tokio::pin!(revoked);
        revoked.as_mut().enable();
        group.revoke(1).unwrap();
        group.commit(Instant::now());
        revoked.await;
        assert_eq!(lessor.renew(1, Instant::now()), Renewal::NotFound);
        assert_eq!(group.keys(1), Err(Error::LeaseNotFound));
    }

    #[test]
    fn grants_renewals_and_revocations_are_counted() {
        let (lessor, mut group) = lessor();
        let now = Instant::now();
        group.grant(1, 10).unwrap();
        group.grant(2, 10).unwrap();
        group.commit(now);
        lessor.renew(1, now);
        lessor.renew(3, now);
        group.revoke(1).unwrap();
        group.commit(now);
        lessor.count_expired(1);
        let counts = Counts {
            granted: 2,
            revoked: 1,
            renewed: 1,
            expired: 1,
        };
        assert_eq!(lessor.counts(), counts);
        assert!(!lessor.is_empty() && lessor.exists(2));
    }
}
