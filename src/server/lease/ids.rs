//! Generates ids for leases whose client did not choose one. The lessor knows whether an id is in use. Source: etcd
//! v3.7.1, pkg/idutil/id.go and server/etcdserver/v3_server.go.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

/// Number of bits of an id below the member's part.
const SUFFIX_BITS: u32 = 48;
/// Number of counter bits below the time in milliseconds, in the first id of a process.
const COUNTER_BITS: u32 = 8;

/// Generates positive ids that differ between members and between runs of one member.
///
/// ```text
/// | member id | time in ms | counter |
/// |  2 bytes  |  5 bytes   | 1 byte  |
/// ```
///
/// The counter intentionally carries into the time: a later run can only generate an id again if this process takes
/// more than 256 ids per millisecond throughout its life.
#[derive(Debug)]
pub struct IdGenerator {
    prefix: u64,
    suffix: AtomicU64,
}

impl IdGenerator {
    /// A generator for the member `member_id`, started at `now`.
    pub fn new(member_id: u64, now: SystemTime) -> IdGenerator {
        let since_epoch = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        // Only the low five bytes are used; they repeat after 35 years.
        let millis = since_epoch.as_millis() as u64;
        IdGenerator {
            prefix: member_id << SUFFIX_BITS,
            suffix: AtomicU64::new(millis << COUNTER_BITS),
        }
    }

    /// The next id; never 0, which means "no lease".
    pub fn next_id(&self) -> i64 {
        loop {
            let suffix = self.suffix.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
            let id = self.prefix | (suffix & ((1 << SUFFIX_BITS) - 1));
            // Clearing the sign bit keeps the id positive.
            let id = (id & (u64::MAX >> 1)) as i64;
            if id != 0 {
                return id;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn ids_are_laid_out_as_etcd_lays_them_out() {
        let at = UNIX_EPOCH + Duration::from_millis(0x12_3456_789a);
        let ids = IdGenerator::new(0x8e9e_05c5_2164_694d, at);
        assert_eq!(ids.next_id(), 0x694d_1234_5678_9a01);
        assert_eq!(ids.next_id(), 0x694d_1234_5678_9a02);
    }

    #[test]
    fn ids_are_positive_and_never_zero() {
        let ids = IdGenerator::new(u64::MAX, UNIX_EPOCH);
        assert_eq!(ids.next_id(), 0x7fff_0000_0000_0001);
        let ids = IdGenerator::new(0, UNIX_EPOCH);
        ids.suffix.store((1 << SUFFIX_BITS) - 1, Ordering::Relaxed);
        assert_eq!(ids.next_id(), 1, "0 is skipped");
    }
}
