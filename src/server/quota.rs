//! The space quota: the cost of a request, and whether it still fits. Neither raises alarms nor writes. Numbers: etcd
//! v3.7.1, server/storage/quota.go.

use tracing::{info, warn};

use crate::proto::etcdserverpb::{
    PutRequest, RequestOp, TxnRequest, request_op::Request as Operation,
};

/// The default quota: 2 GiB.
pub const DEFAULT_BYTES: i64 = 2 << 30;
/// The largest quota that etcd recommends: 8 GiB.
const MAX_BYTES: i64 = 8 << 30;
/// The cost of a key in addition to its size.
const KEY_OVERHEAD: i64 = 256;
/// The cost of a lease.
pub const LEASE_COST: i64 = 64;

/// The limit on stored data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Size of the database file in bytes at which writes are rejected; `None`: never.
    limit: Option<i64>,
}

impl Quota {
    /// From the flag `--quota-backend-bytes`: 0 means the default, a negative number no limit. Like etcd, logs the
    /// result.
    pub fn from_flag(bytes: i64) -> Quota {
        let (name, size) = ("v3-applier", human(bytes));
        match bytes {
            i64::MIN..0 => {
                info!(
                    "quota-name" = name,
                    "quota-size-bytes" = bytes,
                    "disabled backend quota"
                );
                return Quota { limit: None };
            }
            0 => {
                info!(
                    "quota-name" = name,
                    "quota-size-bytes" = DEFAULT_BYTES,
                    "quota-size" = human(DEFAULT_BYTES),
                    "enabled backend quota with default value"
                );
                return Quota {
                    limit: Some(DEFAULT_BYTES),
                };
            }
            _ => {}
        }
        if bytes > MAX_BYTES {
            warn!(
                "quota-name" = name,
                "quota-size-bytes" = bytes,
                "quota-size" = size,
                "quota-maximum-size-bytes" = MAX_BYTES,
                "quota-maximum-size" = human(MAX_BYTES),
                "quota exceeds the maximum value"
            );
        }
        info!(
            "quota-name" = name,
            "quota-size-bytes" = bytes,
            "quota-size" = size,
            "enabled backend quota"
        );
        Quota { limit: Some(bytes) }
    }

    /// No limit.
    pub fn unlimited() -> Quota {
        Quota { limit: None }
    }

    /// Whether a request of `cost` fits if `used` bytes are in use. A request of cost 0 always fits.
    pub fn admits(self, used: i64, cost: i64) -> bool {
        match self.limit {
            Some(limit) if cost > 0 => used.saturating_add(cost) < limit,
            _ => true,
        }
    }
}

/// The cost of a put.
pub fn put_cost(r: &PutRequest) -> i64 {
    KEY_OVERHEAD + (r.key.len() + r.value.len()) as i64
}

/// The cost of a transaction: that of its more expensive branch, including nested transactions.
pub fn txn_cost(r: &TxnRequest) -> i64 {
    let branch = |ops: &[RequestOp]| {
        ops.iter()
            .map(|op| match &op.request {
                Some(Operation::RequestPut(put)) => put_cost(put),
                Some(Operation::RequestTxn(txn)) => txn_cost(txn),
                _ => 0,
            })
            .sum::<i64>()
    };
    branch(&r.success).max(branch(&r.failure))
}

/// A number of bytes as in etcd's log lines (decimal units, one digit after the point below ten).
pub fn human(bytes: i64) -> String {
    const UNITS: [&str; 7] = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
    if bytes < 10 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let value = (value * 10.0 + 0.5).floor() / 10.0;
    match value < 10.0 {
        true => format!("{value:.1} {}", UNITS[unit]),
        false => format!("{value:.0} {}", UNITS[unit]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn put(value: usize) -> RequestOp {
        RequestOp {
            request: Some(Operation::RequestPut(PutRequest {
                key: Bytes::from_static(b"key"),
                value: vec![0; value].into(),
                ..Default::default()
            })),
        }
    }

    #[test]
    fn costs() {
        let inner = TxnRequest {
            success: vec![put(10)],
            failure: vec![put(30), put(0)],
            ..Default::default()
        };
        assert_eq!(txn_cost(&inner), 2 * 259 + 30);
        let outer = TxnRequest {
            success: vec![RequestOp {
                request: Some(Operation::RequestTxn(inner)),
            }],
            failure: vec![put(5)],
            ..Default::default()
        };
        assert_eq!(txn_cost(&outer), 2 * 259 + 30);
        assert_eq!(txn_cost(&TxnRequest::default()), 0);
    }

    #[test]
    fn the_limit_itself_is_refused() {
        let quota = Quota::from_flag(1000);
        assert!(quota.admits(0, 999));
        assert!(!quota.admits(0, 1000));
        assert!(quota.admits(5000, 0), "what costs nothing fits");
        assert!(Quota::from_flag(-1).admits(i64::MAX, 1));
        assert!(!Quota::from_flag(0).admits(DEFAULT_BYTES, 1));
    }

    #[test]
    fn sizes_as_etcd_logs_them() {
        for (bytes, text) in [
            (9, "9 B"),
            (82_854_982, "83 MB"),
            (DEFAULT_BYTES, "2.1 GB"),
            (16_777_216, "17 MB"),
        ] {
            assert_eq!(human(bytes), text);
        }
    }
}
