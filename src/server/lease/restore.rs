//! Restores leases with their deadlines from records when a server starts, and produces records when it stops. Does no
//! I/O.
//!
//! etcd gives every lease its whole TTL again when it starts. Here a clean stop records the remaining TTL of each
//! lease, so that a restart continues from there. After a crash, the last checkpoint applies, or the whole TTL.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use super::{
    lessor::Lessor,
    table::{Limits, Table, after},
};
use crate::proto::leasepb;

/// A fraction of a second below this comes from reading two clocks one after the other. Otherwise a lease would gain a
/// second each time its directory is opened and closed.
const CLOCK_SLACK: Duration = Duration::from_millis(50);

/// How to treat the time during which no server had the file open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Downtime {
    /// It counts towards expiry, with this length. Needed if a directory is opened for each command.
    Counts(Duration),
    /// It does not count, and every lease is extended by this, as in etcd when a member becomes the leader: clients of
    /// a restarted server have time to reconnect.
    Extends(Duration),
}

/// The content of a file concerning leases.
#[derive(Debug, Default)]
pub struct Restored {
    /// Bucket `lease`.
    pub leases: Vec<leasepb::Lease>,
    /// Every key whose latest record names a lease, with that lease.
    pub items: Vec<(Bytes, i64)>,
}

impl Lessor {
    /// Restores the leases of a file, with TTLs starting at `now`. As in etcd, a key on a lease that does not exist is
    /// attached to none.
    pub fn restore(limits: Limits, restored: Restored, downtime: Downtime, now: Instant) -> Lessor {
        let lessor = Lessor::new(limits);
        lessor.with_table(|table| {
            let (extend, passed) = match downtime {
                Downtime::Extends(extend) => (extend, Duration::ZERO),
                Downtime::Counts(passed) => (Duration::ZERO, passed),
            };
            for lease in restored.leases {
                let ttl = lease.ttl.max(limits.min_ttl);
                let seconds = if lease.remaining_ttl > 0 {
                    lease.remaining_ttl
                } else {
                    ttl
                };
                let left = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
                let left = (left + extend).saturating_sub(passed);
                let expiry = now.checked_add(left).unwrap_or(after(now, seconds));
                table.insert(lease.id, ttl, lease.remaining_ttl, expiry, now);
            }
            for (key, id) in &restored.items {
                table.attach(key, *id);
            }
            if let Downtime::Extends(extend) = downtime {
                spread(table, &limits, extend, now);
            }
        });
        lessor
    }

    /// The records of all leases for a clean stop, and the time to which they refer, in seconds since 1970. That is the
    /// last whole second, and remaining TTLs are rounded up, so that nothing expires early; a lease that was just
    /// granted may get a second more than its TTL. A deadline that is already on a whole second, as after
    /// [`Downtime::Counts`], does not change.
    pub fn records(&self, now: Instant, wall: SystemTime) -> (Vec<leasepb::Lease>, i64) {
        let wall = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
        let at = wall.as_secs();
        let records = self.with_table(|table| {
            let mut records: Vec<leasepb::Lease> = table
                .iter()
                .map(|(id, lease)| {
                    let deadline = wall + lease.expiry.saturating_duration_since(now);
                    let left = deadline
                        .saturating_sub(CLOCK_SLACK)
                        .saturating_sub(Duration::from_secs(at));
                    let left = left.as_secs() + u64::from(left.subsec_nanos() > 0);
                    leasepb::Lease {
                        id: *id,
                        ttl: lease.ttl,
                        // 0 would mean the whole TTL.
                        remaining_ttl: i64::try_from(left).unwrap_or(i64::MAX).max(1),
                    }
                })
                .collect();
            records.sort_unstable_by_key(|lease| lease.id);
            records
        });
        (records, i64::try_from(at).unwrap_or(i64::MAX))
    }
}

/// If more leases would expire within one second than can be revoked in it, extends some of them so that they expire
/// later. Uses three quarters of the revoke rate, so that some of it remains for other leases.
fn spread(table: &mut Table, limits: &Limits, extend: Duration, now: Instant) {
    if table.len() < limits.revoke_rate {
        return;
    }
    let mut leases: Vec<(Instant, i64, i64)> = table
        .iter()
        .map(|(id, lease)| (lease.expiry, *id, lease.refresh_seconds()))
        .collect();
    leases.sort_unstable();
    let Some(mut base) = leases.first().map(|(expiry, ..)| *expiry) else {
        return;
    };
    let second = Duration::from_secs(1);
    let target = (3 * limits.revoke_rate / 4).max(1);
    let mut window = second;
    let mut expires = 0;
    for (expiry, id, seconds) in leases {
        let ahead = expiry.saturating_duration_since(base);
        if ahead > window {
            (base, window, expires) = (expiry, second, 1);
            continue;
        }
        expires += 1;
        if expires <= target {
            continue;
        }
        // One additional second for each `target` leases before it; a lease that expires later than the others needs
        // less.
        let delay = second.mul_f64(expires as f64 / target as f64);
        let delay = delay.saturating_sub(ahead);
        window = delay;
        let later = after(now, seconds).checked_add(delay + extend);
        table.set_expiry(id, later.unwrap_or(expiry));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::lease::Renewal;

    const SECOND: Duration = Duration::from_secs(1);

    fn record(id: i64, ttl: i64, remaining_ttl: i64) -> leasepb::Lease {
        leasepb::Lease {
            id,
            ttl,
            remaining_ttl,
        }
    }

    fn restore(leases: Vec<leasepb::Lease>, downtime: Downtime, now: Instant) -> Lessor {
        let items = vec![
            (Bytes::from_static(b"k"), 1),
            (Bytes::from_static(b"x"), 99),
        ];
        let restored = Restored { leases, items };
        Lessor::restore(Limits::default(), restored, downtime, now)
    }

    #[test]
    fn a_server_that_restarts_goes_on_where_it_stopped() {
        let now = Instant::now();
        let leases = vec![record(1, 60, 20), record(2, 60, 0), record(3, 1, 0)];
        let lessor = restore(leases, Downtime::Extends(SECOND), now);
        let left = |id| lessor.status(id, now).map(|s| (s.ttl, s.granted));
        assert_eq!(left(1), Some((21, 60)));
        assert_eq!(left(2), Some((61, 60)));
        assert_eq!(left(3), Some((3, 2)), "the smallest TTL has grown");
        assert_eq!(lessor.keys(1), ["k"]);
        assert_eq!(lessor.lease_of(b"x"), 0, "there is no such lease");
        assert_eq!(lessor.renew(1, now), Renewal::Checkpointed);
        assert_eq!(lessor.renew(2, now), Renewal::Renewed(60));
    }

    #[test]
    fn leases_expire_during_downtime_if_it_counts() {
        let now = Instant::now();
        let leases = vec![record(1, 60, 20), record(2, 60, 40)];
        let lessor = restore(leases, Downtime::Counts(SECOND * 30), now);
        assert_eq!(lessor.expired(now), [1]);
        assert_eq!(lessor.status(2, now).map(|s| s.ttl), Some(10));
    }

    #[test]
    fn a_directory_that_is_opened_again_and_again_moves_no_deadline() {
        let wall = UNIX_EPOCH + Duration::from_millis(1_700_000_000_300);
        let start = Instant::now();
        let mut leases = vec![record(1, 60, 0)];
        let mut at = None;
        // Every command takes 20 ms, and there is one every 400 ms.
        for i in 0..100 {
            let now = start + Duration::from_millis(400 * i);
            let clock = wall + Duration::from_millis(400 * i);
            let passed = match at {
                None => Duration::ZERO,
                Some(at) => clock
                    .duration_since(UNIX_EPOCH + Duration::from_secs(at))
                    .unwrap_or_default(),
            };
            let lessor = restore(leases, Downtime::Counts(passed), now);
            let (records, true_at) = lessor.records(now, clock);
            leases = records;
            at = Some(true_at as u64);
        }
        // Granted at .3, the lease is valid until 60 s after the next whole second, but not longer.
        assert_eq!(
            at.map(|at| at as i64 + leases[0].remaining_ttl),
            Some(1_700_000_061)
        );
    }

    /// Commands that follow each other faster than once per second must not keep a lease alive.
    #[test]
    fn a_short_lease_expires_however_often_the_directory_is_opened() {
        let wall = UNIX_EPOCH + Duration::from_millis(1_700_000_000_300);
        let start = Instant::now();
        let mut leases = vec![record(1, 2, 0)];
        let mut at = None;
        for i in 0.. {
            let now = start + Duration::from_millis(70 * i);
            let clock = wall + Duration::from_millis(70 * i);
            let passed = at.map_or(Duration::ZERO, |at| {
                let at = UNIX_EPOCH + Duration::from_secs(at);
                clock.duration_since(at).unwrap_or_default()
            });
            let lessor = restore(leases, Downtime::Counts(passed), now);
            if !lessor.expired(now).is_empty() {
                assert!((29..=42).contains(&i), "expired after {} ms", 70 * i);
                break;
            }
            let (records, true_at) = lessor.records(now, clock);
            leases = records;
            at = Some(true_at as u64);
        }
    }

    #[test]
    fn a_lease_that_is_almost_over_is_not_recorded_as_whole() {
        let now = Instant::now();
        let lessor = restore(vec![record(1, 60, 1)], Downtime::Counts(SECOND * 5), now);
        let (records, _) = lessor.records(now, SystemTime::now());
        assert_eq!(records, [record(1, 60, 1)]);
    }

    #[test]
    fn the_remaining_time_is_at_most_a_second_more_than_the_ttl() {
        let now = Instant::now();
        for millis in [0, 1, 49, 51, 500, 999] {
            let lessor = restore(
                vec![record(1, 60, 0)],
                Downtime::Counts(Duration::ZERO),
                now,
            );
            let wall = UNIX_EPOCH + Duration::from_millis(5000 + millis);
            let (records, at) = lessor.records(now, wall);
            assert!((60..=61).contains(&records[0].remaining_ttl), "{millis}");
            let deadline = Duration::from_secs((at + records[0].remaining_ttl) as u64);
            assert!(
                deadline + CLOCK_SLACK >= Duration::from_millis(65_000 + millis),
                "{millis}"
            );
        }
    }

    #[test]
    fn leases_that_expire_together_are_spread_out() {
        let now = Instant::now();
        let leases = (1..=3000).map(|id| record(id, 10, 0)).collect();
        let lessor = restore(leases, Downtime::Extends(SECOND), now);
        let at = |seconds: u32| lessor.expired(now + SECOND * seconds).len();
        assert_eq!(
            at(11),
            750,
            "three quarters of the rate in the first second"
        );
        let all: Vec<usize> = (11..=17).map(at).collect();
        assert!(all.windows(2).all(|w| w[1] - w[0] <= 1000), "{all:?}");
        assert_eq!(all.last(), Some(&3000));
        let few = (1..=999).map(|id| record(id, 10, 0)).collect();
        let lessor = restore(few, Downtime::Extends(SECOND), now);
        assert_eq!(lessor.expired(now + SECOND * 11).len(), 999);
    }
}
