//! Automatic compaction: decides when to compact, and at which revision. It does not compact, and its caller passes the
//! time, so that a test can simulate a day. Rules: etcd v3.7.1, server/etcdserver/api/v3compactor.
//!
//! In periodic mode with a period of 1 h (shorter periods are divided in the same way):
//!
//! ```text
//! every 6 min      note the revision; the oldest noted one is 1 h old once eleven are noted
//! after 1 h        compact at the oldest note, then again each hour
//! period of 24 h   notes every 6 min and compactions each hour all the same
//! failed           try again after 6 min
//! ```

use std::{collections::VecDeque, time::Duration};

use tracing::{info, warn};

use super::{config::AutoCompaction, error::Error};

const HOUR: Duration = Duration::from_secs(3600);
/// Number of intervals into which the period, or an hour if that is shorter, is divided.
const TRIES: u32 = 10;
/// Interval between checks in revision mode.
const REVISION_INTERVAL: Duration = Duration::from_secs(300);

/// When to compact, and at which revision: call [`Schedule::tick`] once per [`Schedule::interval`].
#[derive(Debug)]
pub enum Schedule {
    /// Compacts what is older than `period`.
    Periodic {
        /// How long history is kept.
        period: Duration,
        /// Recorded revisions, oldest first.
        notes: VecDeque<i64>,
        /// Time since the start or the last compaction.
        waited: Duration,
        /// The revision of the last compaction.
        last: i64,
        /// Whether the first period has passed.
        warm: bool,
    },
    /// Compacts all but the newest `retention` revisions.
    Revision {
        /// Number of revisions to keep.
        retention: i64,
        /// The revision of the last compaction.
        last: i64,
    },
}

impl Schedule {
    /// The schedule for a policy, starting at revision `current`; `None` if nothing is compacted.
    pub fn new(policy: AutoCompaction, current: i64) -> Option<Schedule> {
        match policy {
            AutoCompaction::Off => None,
            AutoCompaction::Periodic(period) if period < Duration::from_nanos(TRIES.into()) => None,
            AutoCompaction::Periodic(period) => Some(Schedule::Periodic {
                period,
                notes: VecDeque::from([current]),
                waited: Duration::ZERO,
                last: 0,
                warm: false,
            }),
            AutoCompaction::Revision(retention) => Some(Schedule::Revision { retention, last: 0 }),
        }
    }

    /// Interval between two ticks.
    pub fn interval(&self) -> Duration {
        match self {
            Schedule::Periodic { period, .. } => (*period).min(HOUR) / TRIES,
            Schedule::Revision { .. } => REVISION_INTERVAL,
        }
    }

    /// Called after each interval with the current revision. Returns the revision at which to compact, if it is time.
    pub fn tick(&mut self, current: i64) -> Option<i64> {
        let interval = self.interval();
        match self {
            Schedule::Periodic {
                period,
                notes,
                waited,
                last,
                warm,
            } => {
                *waited += interval;
                let oldest = notes.front().copied().unwrap_or(current);
                let wait = if *warm { (*period).min(HOUR) } else { *period };
                let due = *waited >= wait && oldest != *last;
                *warm |= due;
                let keep = period.as_nanos() / interval.as_nanos() + 1;
                notes.push_back(current);
                if notes.len() as u128 > keep {
                    notes.pop_front();
                }
                due.then_some(oldest)
            }
            Schedule::Revision { retention, last } => {
                let revision = current - *retention;
                (revision > 0 && revision != *last).then_some(revision)
            }
        }
    }

    /// The compaction at `revision` has been done (or was no longer necessary).
    pub fn done(&mut self, revision: i64) {
        match self {
            Schedule::Periodic { waited, last, .. } => {
                *waited = Duration::ZERO;
                *last = revision;
            }
            Schedule::Revision { last, .. } => *last = revision,
        }
    }

    fn mode(&self) -> &'static str {
        match self {
            Schedule::Periodic { .. } => "periodic",
            Schedule::Revision { .. } => "revision",
        }
    }
}

/// Runs a schedule until `pause`, which waits for the given time, returns that the server stops.
pub fn run(
    mut schedule: Schedule,
    mut pause: impl FnMut(Duration) -> bool,
    mut current: impl FnMut() -> i64,
    mut compact: impl FnMut(i64) -> Result<(), Error>,
) {
    let mode = schedule.mode();
    while pause(schedule.interval()) {
        let Some(revision) = schedule.tick(current()) else {
            continue;
        };
        info!(revision, "starting auto {mode} compaction");
        match compact(revision) {
            Ok(()) | Err(Error::Compacted) => {
                info!(revision, "completed auto {mode} compaction");
                schedule.done(revision);
            }
            Err(error) => warn!(revision, %error, "failed auto {mode} compaction"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Simulates `hours` with one revision per minute. Returns minute and revision of each compaction.
    fn compactions(policy: AutoCompaction, hours: u64) -> Vec<(u64, i64)> {
        let mut schedule = Schedule::new(policy, 1).unwrap();
        let mut done = Vec::new();
        let step = schedule.interval();
        let mut now = Duration::ZERO;
        while now < Duration::from_secs(3600 * hours) {
            now += step;
            let minute = now.as_secs() / 60;
            if let Some(revision) = schedule.tick(1 + minute as i64) {
                done.push((minute, revision));
                schedule.done(revision);
            }
        }
        done
    }

    #[test]
    fn an_hour_is_kept() {
        let hour = AutoCompaction::Periodic(HOUR);
        assert_eq!(
            compactions(hour, 4),
            [(60, 1), (120, 55), (180, 115), (240, 175)]
        );
    }

    #[test]
    fn a_day_is_kept_and_compacted_hourly() {
        let day = AutoCompaction::Periodic(24 * HOUR);
        assert_eq!(compactions(day, 26), [(1440, 1), (1500, 55), (1560, 115)]);
    }

    #[test]
    fn ten_minutes_are_kept() {
        let short = AutoCompaction::Periodic(Duration::from_secs(600));
        assert_eq!(compactions(short, 1)[..3], [(10, 1), (20, 10), (30, 20)]);
    }

    #[test]
    fn a_failed_compaction_is_tried_again_soon() {
        let mut schedule = Schedule::new(AutoCompaction::Periodic(HOUR), 5).unwrap();
        let tries: Vec<_> = (1..=13).map(|n| schedule.tick(5 + n)).collect();
        assert_eq!(tries[8], None, "not before an hour has passed");
        assert_eq!(tries[9..], [Some(5), Some(5), Some(6), Some(7)]);
    }

    #[test]
    fn so_many_revisions_are_kept() {
        let mut schedule = Schedule::new(AutoCompaction::Revision(100), 1).unwrap();
        assert_eq!(schedule.interval(), Duration::from_secs(300));
        assert_eq!(schedule.tick(100), None);
        assert_eq!(schedule.tick(101), Some(1));
        assert_eq!(schedule.tick(150), Some(50));
        schedule.done(50);
        assert_eq!(schedule.tick(150), None, "nothing new");
        assert!(Schedule::new(AutoCompaction::Off, 1).is_none());
    }
}
