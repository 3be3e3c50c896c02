//! The committed leases, their deadlines, and the keys attached to them. Every method takes the current time as a
//! parameter, so that nothing here reads a clock. Uses no locks and wakes nobody.
//!
//! Each lease has exactly one entry in the queue of deadlines. A renewal changes only the lease's expiry and leaves the
//! entry in place; when the entry becomes due, it is moved to the actual expiry. An example with a TTL of 10:
//!
//! ```text
//! time 0   grant       expiry 10   queue: 10
//! time 4   renew       expiry 14   queue: 10
//! time 10  entry due   expiry 14   queue: 14      (not expired: the entry moves)
//! time 14  entry due   expired     queue: 21      (looked at again, in case the revocation fails)
//! ```
//!
//! Renewing is therefore a lookup and a store, and idle leases cost nothing before the first deadline.

use std::{
    collections::{BTreeSet, HashMap, hash_map},
    time::{Duration, Instant},
};

use bytes::Bytes;

/// Period over which the number of revocations is limited; etcd's lessor looks for expired leases at the same interval.
const REVOKE_WINDOW: Duration = Duration::from_millis(500);
/// Maximum number of checkpoints returned at once.
pub(super) const CHECKPOINT_BATCH: usize = 1000;

/// The settings of a lessor.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Minimum TTL in seconds. Requests for less get this much.
    pub min_ttl: i64,
    /// Interval between two checkpoints of a lease's remaining TTL.
    pub checkpoint_interval: Duration,
    /// Time after which an expired lease that still exists is returned for revocation again.
    pub retry: Duration,
    /// Maximum number of leases returned for revocation per second.
    pub revoke_rate: usize,
}

impl Limits {
    /// Maximum number of leases returned for revocation per [`REVOKE_WINDOW`].
    pub(super) fn revokes_per_window(&self) -> usize {
        (self.revoke_rate / 2).max(1)
    }
}

impl Default for Limits {
    /// etcd's values for its default election timeout of one second.
    fn default() -> Limits {
        Limits {
            min_ttl: 2,
            checkpoint_interval: Duration::from_secs(5 * 60),
            retry: Duration::from_secs(7),
            revoke_rate: 1000,
        }
    }
}

/// The result of a renewal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// The lease was renewed for this many seconds.
    Renewed(i64),
    /// A checkpoint of the lease is on disk. It must be cleared (by a checkpoint with 0 seconds) before the lease may
    /// be renewed, or a restart would undo the renewal.
    Checkpointed,
    /// The lease has expired and will be revoked: wait for that before responding.
    Expiring,
    /// The lease does not exist.
    NotFound,
}

/// What is due.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// Expired leases, to be revoked.
    pub expired: Vec<i64>,
    /// Leases and their remaining whole seconds, to be recorded.
    pub checkpoints: Vec<(i64, i64)>,
    /// When to call again; `None`: only after a change.
    pub next: Option<Instant>,
}

/// A committed lease.
#[derive(Debug)]
pub(super) struct Entry {
    /// Granted TTL in seconds.
    pub ttl: i64,
    /// The last checkpoint of the remaining TTL in seconds; 0 if there is none.
    pub remaining: i64,
    /// When it expires.
    pub expiry: Instant,
    /// The time of its entry in the queue of deadlines; never after `expiry` unless it has expired.
    queued: Instant,
    /// The time of its entry in the queue of checkpoints.
    checkpoint: Option<Instant>,
    /// The attached keys.
    pub keys: BTreeSet<Bytes>,
}

impl Entry {
    /// The number of seconds that a restart gives the lease: the checkpoint if there is one, otherwise the whole TTL.
    pub fn refresh_seconds(&self) -> i64 {
        match self.remaining > 0 {
            true => self.remaining,
            false => self.ttl,
        }
    }
}

/// All committed leases.
#[derive(Debug)]
pub(super) struct Table {
    limits: Limits,
    leases: HashMap<i64, Entry>,
    /// The lease of every attached key.
    items: HashMap<Bytes, i64>,
    deadlines: BTreeSet<(Instant, i64)>,
    checkpoints: BTreeSet<(Instant, i64)>,
    /// The start of the current revocation window, and the number of leases returned in it.
    window: Option<(Instant, usize)>,
}

/// `now` plus this many seconds; a negative number counts as 0.
pub(super) fn after(now: Instant, seconds: i64) -> Instant {
    let seconds = u64::try_from(seconds).unwrap_or(0);
    // The maximum TTL is 285 years. If the clock cannot represent that, use one year.
    now.checked_add(Duration::from_secs(seconds))
        .or_else(|| now.checked_add(Duration::from_secs(365 * 24 * 3600)))
        .unwrap_or(now)
}

/// Whole seconds from `now` to `then`, rounded up.
fn seconds_until(then: Instant, now: Instant) -> i64 {
    let left = then.saturating_duration_since(now);
    let whole = i64::try_from(left.as_secs()).unwrap_or(i64::MAX);
    whole.saturating_add(i64::from(left.subsec_nanos() > 0))
}

impl Table {
    /// A table without leases.
    pub fn new(limits: Limits) -> Table {
        Table {
            limits,
            leases: HashMap::new(),
            items: HashMap::new(),
            deadlines: BTreeSet::new(),
            checkpoints: BTreeSet::new(),
            window: None,
        }
    }

    /// The lease with this id.
    pub fn get(&self, id: i64) -> Option<&Entry> {
        self.leases.get(&id)
    }

    /// All leases, in no order.
    pub fn iter(&self) -> hash_map::Iter<'_, i64, Entry> {
        self.leases.iter()
    }

    /// Number of leases.
    pub fn len(&self) -> usize {
        self.leases.len()
    }

    /// The lease that a key is attached to; 0: none.
    pub fn lease_of(&self, key: &[u8]) -> i64 {
        self.items.get(key).copied().unwrap_or(0)
    }

    /// Whether any key is attached to a lease.
    pub fn has_items(&self) -> bool {
        !self.items.is_empty()
    }

    /// Adds a lease that expires at `expiry`. Replaces one with the same id and detaches its keys.
    pub fn insert(&mut self, id: i64, ttl: i64, remaining: i64, expiry: Instant, now: Instant) {
        self.remove(id);
        self.deadlines.insert((expiry, id));
        self.leases.insert(
            id,
            Entry {
                ttl,
                remaining,
                expiry,
                queued: expiry,
                checkpoint: None,
                keys: BTreeSet::new(),
            },
        );
        self.schedule_checkpoint(id, now);
    }

    /// Removes a lease and detaches its keys.
    pub fn remove(&mut self, id: i64) -> bool {
        let Some(lease) = self.leases.remove(&id) else {
            return false;
        };
        self.deadlines.remove(&(lease.queued, id));
        if let Some(at) = lease.checkpoint {
            self.checkpoints.remove(&(at, id));
        }
        for key in &lease.keys {
            self.items.remove(key);
        }
        true
    }

    /// Attaches a key to a lease after detaching it from any other. With lease 0, or one that does not exist, only
    /// detaches it.
    pub fn attach(&mut self, key: &Bytes, id: i64) {
        let old = self.lease_of(key);
        if old == id {
            return;
        }
        if old != 0 {
            self.items.remove(key);
            if let Some(lease) = self.leases.get_mut(&old) {
                lease.keys.remove(key);
            }
        }
        if let Some(lease) = self.leases.get_mut(&id) {
            lease.keys.insert(key.clone());
            self.items.insert(key.clone(), id);
        }
    }

    /// Changes the expiry of a lease to `expiry`, which may be earlier.
    pub fn set_expiry(&mut self, id: i64, expiry: Instant) {
        let Some(lease) = self.leases.get_mut(&id) else {
            return;
        };
        lease.expiry = expiry;
        self.deadlines.remove(&(lease.queued, id));
        lease.queued = expiry;
        self.deadlines.insert((expiry, id));
    }

    /// Renews a lease.
    pub fn renew(&mut self, id: i64, now: Instant) -> Renewal {
        match self.leases.get_mut(&id) {
            None => Renewal::NotFound,
            Some(lease) if lease.expiry <= now => Renewal::Expiring,
            Some(lease) if lease.remaining > 0 => Renewal::Checkpointed,
            Some(lease) => {
                // Leave the entry in the queue of deadlines; it is corrected when it becomes due.
                lease.expiry = after(now, lease.ttl);
                Renewal::Renewed(lease.ttl)
            }
        }
    }

    /// Records that a checkpoint is on disk, and schedules the next one.
    pub fn checkpointed(&mut self, id: i64, remaining: i64, now: Instant) {
        if let Some(lease) = self.leases.get_mut(&id) {
            lease.remaining = remaining;
            self.schedule_checkpoint(id, now);
        }
    }

    /// Schedules a checkpoint for a lease that lives longer than the checkpoint interval.
    fn schedule_checkpoint(&mut self, id: i64, now: Instant) {
        let interval = self.limits.checkpoint_interval;
        let Some(lease) = self.leases.get_mut(&id) else {
            return;
        };
        if let Some(old) = lease.checkpoint.take() {
            self.checkpoints.remove(&(old, id));
        }
        let seconds = i64::try_from(interval.as_secs()).unwrap_or(i64::MAX);
        if lease.refresh_seconds() > seconds {
            let at = now.checked_add(interval).unwrap_or(now);
            lease.checkpoint = Some(at);
            self.checkpoints.insert((at, id));
        }
    }

    /// When [`Table::due`] next has something to do; `None` if there is nothing to wait for.
    pub fn next_deadline(&self) -> Option<Instant> {
        let first = |queue: &BTreeSet<(Instant, i64)>| queue.first().map(|(at, _)| *at);
        // Above the rate, expired leases wait for the next window.
        let open = match self.window {
            Some((began, count)) if count >= self.limits.revokes_per_window() => {
                began.checked_add(REVOKE_WINDOW)
            }
            _ => None,
        };
        let expiry = first(&self.deadlines).map(|at| open.map_or(at, |open| at.max(open)));
        match (expiry, first(&self.checkpoints)) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// Returns everything that is due, limited by the revoke rate and the size of a batch of checkpoints.
    pub fn due(&mut self, now: Instant) -> Due {
        let expired = self.take_expired(now);
        let checkpoints = self.take_checkpoints(now);
        Due {
            expired,
            checkpoints,
            next: self.next_deadline(),
        }
    }

    fn take_expired(&mut self, now: Instant) -> Vec<i64> {
        let (began, mut count) = match self.window {
            Some(window) if now.saturating_duration_since(window.0) < REVOKE_WINDOW => window,
            _ => (now, 0),
        };
        let limit = self.limits.revokes_per_window();
        let mut expired = Vec::new();
        while count < limit {
            let Some(&(at, id)) = self.deadlines.first() else {
                break;
            };
            if at > now {
                break;
            }
            self.deadlines.pop_first();
            let Some(lease) = self.leases.get_mut(&id) else {
                continue;
            };
            if lease.expiry > now {
                // The lease has been renewed since the entry was made.
                lease.queued = lease.expiry;
            } else {
                lease.queued = now.checked_add(self.limits.retry).unwrap_or(now);
                expired.push(id);
                count += 1;
            }
            self.deadlines.insert((lease.queued, id));
        }
        self.window = (count > 0).then_some((began, count));
        expired
    }

    fn take_checkpoints(&mut self, now: Instant) -> Vec<(i64, i64)> {
        let mut due = Vec::new();
        while due.len() < CHECKPOINT_BATCH {
            let Some(&(at, id)) = self.checkpoints.first() else {
                break;
            };
            if at > now {
                break;
            }
            self.checkpoints.pop_first();
            let Some(lease) = self.leases.get_mut(&id) else {
                continue;
            };
            lease.checkpoint = None;
            if lease.expiry <= now {
                continue;
            }
            let remaining = seconds_until(lease.expiry, now);
            if remaining >= lease.ttl {
                // The lease has just been renewed, so there is nothing to record yet.
                self.schedule_checkpoint(id, now);
            } else {
                due.push((id, remaining));
            }
        }
        due
    }

    /// Leases that have expired, regardless of the revoke rate.
    pub fn expired(&self, now: Instant) -> Vec<i64> {
        let expired = self.leases.iter().filter(|(_, l)| l.expiry <= now);
        let mut ids: Vec<i64> = expired.map(|(id, _)| *id).collect();
        ids.sort_unstable();
        ids
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn table(revoke_rate: usize) -> (Table, Instant) {
        let limits = Limits {
            revoke_rate,
            ..Limits::default()
        };
        (Table::new(limits), Instant::now())
    }

    fn grant(table: &mut Table, id: i64, ttl: i64, now: Instant) {
        table.insert(id, ttl, 0, after(now, ttl), now);
    }

    #[test]
    fn the_example_of_the_file() {
        let (mut table, start) = table(1000);
        let at = |seconds: u32| start + SECOND * seconds;
        grant(&mut table, 7, 10, start);
        assert_eq!(table.next_deadline(), Some(at(10)));
        assert_eq!(table.renew(7, at(4)), Renewal::Renewed(10));
        assert_eq!(
            table.next_deadline(),
            Some(at(10)),
            "a renewal leaves the queue"
        );
        let due = table.due(at(10));
        assert_eq!((due.expired, due.next), (vec![], Some(at(14))));
        let due = table.due(at(14));
        assert_eq!((due.expired, due.next), (vec![7], Some(at(21))));
        assert_eq!(table.renew(7, at(14)), Renewal::Expiring);
        assert_eq!(
            table.due(at(20)).expired,
            [0; 0],
            "it is handed out once in a while"
        );
        assert_eq!(table.due(at(21)).expired, [7]);
        assert!(table.remove(7));
        assert_eq!(table.renew(7, at(22)), Renewal::NotFound);
        assert_eq!(table.next_deadline(), None, "nothing to wait for");
    }

    #[test]
    fn removing_leases_leaves_nothing_behind() {
        let (mut table, now) = table(1000);
        for id in 1..=1000 {
            grant(&mut table, id, 9_000_000_000, now);
            table.renew(id, now + SECOND);
            table.attach(&Bytes::from(id.to_string()), id);
        }
        for id in 1..=1000 {
            assert!(table.remove(id));
        }
        assert!(table.deadlines.is_empty() && table.checkpoints.is_empty());
        assert!(!table.has_items());
    }

    #[test]
    fn a_key_is_on_one_lease() {
        let (mut table, now) = table(1000);
        grant(&mut table, 1, 10, now);
        grant(&mut table, 2, 10, now);
        let key = Bytes::from_static(b"k");
        let keys = |table: &Table, id| table.get(id).map_or(9, |lease| lease.keys.len());
        table.attach(&key, 1);
        assert_eq!(
            (table.lease_of(b"k"), keys(&table, 1), keys(&table, 2)),
            (1, 1, 0)
        );
        table.attach(&key, 2);
        assert_eq!(
            (table.lease_of(b"k"), keys(&table, 1), keys(&table, 2)),
            (2, 0, 1)
        );
        table.attach(&key, 3);
        assert_eq!(
            (table.lease_of(b"k"), keys(&table, 2)),
            (0, 0),
            "no such lease"
        );
        table.attach(&key, 2);
        table.attach(&key, 0);
        assert_eq!((table.lease_of(b"k"), keys(&table, 2)), (0, 0));
    }

    #[test]
    fn revocations_are_limited_in_rate() {
        let (mut table, start) = table(1000);
        for id in 1..=1200 {
            grant(&mut table, id, 2, start);
        }
        let at = |millis: u64| start + Duration::from_millis(millis);
        let due = table.due(at(2000));
        assert_eq!(due.expired.len(), 500);
        assert_eq!(
            due.next,
            Some(at(2500)),
            "the next window, not a busy deadline"
        );
        assert_eq!(table.due(at(2499)).expired.len(), 0);
        assert_eq!(table.due(at(2500)).expired.len(), 500);
        let due = table.due(at(3000));
        assert_eq!(due.expired.len(), 200);
        assert_eq!(due.next, Some(at(9000)), "the first of them are due again");
        assert_eq!(table.expired(at(3000)).len(), 1200, "none is gone yet");
    }

    #[test]
    fn a_hundred_thousand_idle_leases_wait_for_one_deadline() {
        let (mut table, start) = table(1000);
        for id in 1..=100_000 {
            grant(&mut table, id, 250, start);
        }
        assert_eq!(table.next_deadline(), Some(start + SECOND * 250));
        let due = table.due(start + SECOND * 249);
        assert_eq!(due.next, Some(start + SECOND * 250));
        assert!(due.expired.is_empty() && due.checkpoints.is_empty());
    }

    #[test]
    fn long_leases_are_checkpointed() {
        let (mut table, start) = table(1000);
        let at = |seconds: u32| start + SECOND * seconds;
        grant(&mut table, 1, 301, start);
        grant(&mut table, 2, 300, start);
        let due = table.due(at(300));
        assert_eq!(due.checkpoints, [(1, 1)], "a short lease is not recorded");
        table.checkpointed(1, 1, at(300));
        assert_eq!(table.renew(1, at(300)), Renewal::Checkpointed);
        table.checkpointed(1, 0, at(300));
        assert_eq!(table.renew(1, at(300)), Renewal::Renewed(301));
        // Renewed at the very moment when the next checkpoint is due: it is postponed.
        table.renew(1, at(600));
        assert_eq!(table.due(at(600)).checkpoints, []);
        assert_eq!(table.due(at(900)).checkpoints, [(1, 1)]);
    }

    #[test]
    fn checkpoints_come_in_batches() {
        let (mut table, start) = table(1000);
        for id in 1..=1500 {
            grant(&mut table, id, 600, start);
        }
        let now = start + SECOND * 300;
        let due = table.due(now);
        assert_eq!(due.checkpoints.len(), CHECKPOINT_BATCH);
        assert!(due.next <= Some(now), "the rest is due at once");
        assert_eq!(table.due(now).checkpoints.len(), 500);
    }

    #[test]
    fn seconds_are_rounded_up() {
        let now = Instant::now();
        assert_eq!(seconds_until(now, now), 0);
        assert_eq!(seconds_until(now, now + SECOND), 0);
        assert_eq!(seconds_until(now + Duration::from_millis(1), now), 1);
        assert_eq!(seconds_until(now + SECOND, now), 1);
    }
}
