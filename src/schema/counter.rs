//! The bound of the counters that etcd stores: log index, term, revisions.

/// No counter of a cluster reaches this number. Only damage leads to it, and counting on from there could overflow.
pub const LIMIT: u64 = 1 << 62;

/// What is wrong with counter `what`, if it has reached the limit.
pub fn beyond_limit(what: &str, number: u64) -> Option<String> {
    (number >= LIMIT).then(|| format!("{what} {number} is higher than any cluster reaches"))
}
