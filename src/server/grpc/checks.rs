//! Rejects requests before they reach the core: those that are invalid whatever the state of the store. Order and texts
//! are etcd's (etcd v3.7.1, server/etcdserver/api/v3rpc/key.go).

use std::collections::HashSet;

use super::ranges::Ranges;
use crate::{
    proto::etcdserverpb::{
        self as pb, range_request::SortOrder, range_request::SortTarget, request_op::Request,
    },
    server::error::Error,
};

/// Rejects a range without a key or with an unknown sort order.
pub fn check_range(r: &pb::RangeRequest) -> Result<(), Error> {
    if r.key.is_empty() {
        return Err(Error::EmptyKey);
    }
    if SortOrder::try_from(r.sort_order).is_err() || SortTarget::try_from(r.sort_target).is_err() {
        return Err(Error::InvalidSortOption);
    }
    Ok(())
}

/// Like [`check_range`], and rejects what cannot be answered in chunks.
pub fn check_range_stream(r: &pb::RangeRequest) -> Result<(), Error> {
    check_range(r)?;
    let unimplemented = |text: &str| Err(Error::Other(tonic::Code::Unimplemented, text.into()));
    let by_key = r.sort_order == SortOrder::None as i32
        || (r.sort_target == SortTarget::Key as i32 && r.sort_order == SortOrder::Ascend as i32);
    if !by_key {
        return unimplemented("RangeStream does not support custom sort orders");
    }
    if r.min_mod_revision != 0
        || r.max_mod_revision != 0
        || r.min_create_revision != 0
        || r.max_create_revision != 0
    {
        return unimplemented("RangeStream does not support revision filters");
    }
    Ok(())
}

/// Rejects a put without a key, or one that gives a value or lease and also asks to keep the old one.
pub fn check_put(r: &pb::PutRequest) -> Result<(), Error> {
    if r.key.is_empty() {
        return Err(Error::EmptyKey);
    }
    if r.ignore_value && !r.value.is_empty() {
        return Err(Error::ValueProvided);
    }
    if r.ignore_lease && r.lease != 0 {
        return Err(Error::LeaseProvided);
    }
    Ok(())
}

/// Rejects a deletion without a key.
pub fn check_delete(r: &pb::DeleteRangeRequest) -> Result<(), Error> {
    if r.key.is_empty() {
        return Err(Error::EmptyKey);
    }
    Ok(())
}

/// Rejects a transaction that is too large, contains an invalid operation, or modifies a key twice.
pub fn check_txn(r: &pb::TxnRequest, max_ops: usize) -> Result<(), Error> {
    check_operations(r, i64::try_from(max_ops).unwrap_or(i64::MAX))?;
    check_overlaps(&r.success)?;
    check_overlaps(&r.failure)?;
    Ok(())
}

/// A nested transaction may contain as many operations as its parents leave of `max_ops`.
fn check_operations(r: &pb::TxnRequest, max_ops: i64) -> Result<(), Error> {
    let widest = r.compare.len().max(r.success.len()).max(r.failure.len());
    let left = max_ops - i64::try_from(widest).unwrap_or(i64::MAX);
    if left < 0 {
        return Err(Error::TooManyOps);
    }
    if r.compare.iter().any(|c| c.key.is_empty()) {
        return Err(Error::EmptyKey);
    }
    for op in r.success.iter().chain(&r.failure) {
        match &op.request {
            Some(Request::RequestRange(r)) => check_range(r)?,
            Some(Request::RequestPut(r)) => check_put(r)?,
            Some(Request::RequestDeleteRange(r)) => check_delete(r)?,
            Some(Request::RequestTxn(r)) => check_operations(r, left)?,
            None => return Err(Error::KeyNotFound),
        }
    }
    Ok(())
}

/// Rejects a key that is put twice, or put and deleted, by operations that can be executed together. Returns what the
/// operations put and delete. The two branches of a nested transaction are never executed together, so both may put the
/// same key.
fn check_overlaps(ops: &[pb::RequestOp]) -> Result<(HashSet<&[u8]>, Ranges), Error> {
    let mut deletes = Ranges::default();
    for op in ops {
        if let Some(Request::RequestDeleteRange(r)) = &op.request {
            deletes.add(&r.key, &r.range_end);
        }
    }
    let mut puts: HashSet<&[u8]> = HashSet::new();
    for op in ops {
        let Some(Request::RequestTxn(txn)) = &op.request else {
            continue;
        };
        let (puts_then, deletes_then) = check_overlaps(&txn.success)?;
        let (puts_else, deletes_else) = check_overlaps(&txn.failure)?;
        for key in puts_then.iter().chain(&puts_else) {
            if puts.contains(key) || deletes.holds(key) {
                return Err(Error::DuplicateKey);
            }
        }
        puts.extend(puts_then);
        puts.extend(puts_else);
        deletes.join(deletes_then);
        deletes.join(deletes_else);
    }
    for op in ops {
        if let Some(Request::RequestPut(r)) = &op.request
            && (deletes.holds(&r.key) || !puts.insert(&r.key))
        {
            return Err(Error::DuplicateKey);
        }
    }
    Ok((puts, deletes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn op(request: Request) -> pb::RequestOp {
        pb::RequestOp {
            request: Some(request),
        }
    }

    fn put(key: &str) -> pb::RequestOp {
        op(Request::RequestPut(pb::PutRequest {
            key: key.to_string().into(),
            ..Default::default()
        }))
    }

    fn del(key: &str, end: &str) -> pb::RequestOp {
        op(Request::RequestDeleteRange(pb::DeleteRangeRequest {
            key: key.to_string().into(),
            range_end: end.to_string().into(),
            ..Default::default()
        }))
    }

    fn txn(success: Vec<pb::RequestOp>, failure: Vec<pb::RequestOp>) -> pb::TxnRequest {
        pb::TxnRequest {
            success,
            failure,
            ..Default::default()
        }
    }

    fn nested(success: Vec<pb::RequestOp>, failure: Vec<pb::RequestOp>) -> pb::RequestOp {
        op(Request::RequestTxn(txn(success, failure)))
    }

    #[test]
    fn one_key_is_written_once() {
        let twice = Err(Error::DuplicateKey);
        for (ops, want) in [
            (vec![put("a"), put("b")], Ok(())),
            (vec![put("a"), put("a")], twice.clone()),
            (vec![put("b"), del("a", "c")], twice.clone()),
            (vec![put("c"), del("a", "c")], Ok(())),
            (vec![del("a", "c"), del("b", "")], Ok(())),
            (vec![del("a", "\0"), put("b")], Ok(())),
            (vec![nested(vec![put("a")], vec![put("a")])], Ok(())),
            (
                vec![nested(vec![put("a")], vec![]), put("a")],
                twice.clone(),
            ),
            (
                vec![
                    nested(vec![put("a")], vec![]),
                    nested(vec![], vec![put("a")]),
                ],
                twice.clone(),
            ),
            (
                vec![nested(vec![], vec![del("a", "c")]), put("b")],
                twice.clone(),
            ),
            (
                vec![nested(vec![put("b")], vec![]), del("a", "c")],
                twice.clone(),
            ),
            (
                vec![
                    nested(vec![del("b", "")], vec![]),
                    nested(vec![put("b")], vec![]),
                ],
                twice.clone(),
            ),
            // As in etcd, only a put after the nested deletion is detected.
            (
                vec![
                    nested(vec![put("b")], vec![]),
                    nested(vec![del("b", "")], vec![]),
                ],
                Ok(()),
            ),
        ] {
            assert_eq!(check_txn(&txn(ops.clone(), vec![]), 128), want, "{ops:?}");
            assert_eq!(check_txn(&txn(vec![], ops.clone()), 128), want, "{ops:?}");
        }
    }

    #[test]
    fn nested_operations_count_against_what_is_left() {
        assert_eq!(check_txn(&txn(vec![put("a"), put("b")], vec![]), 2), Ok(()));
        assert_eq!(
            check_txn(&txn(vec![put("a"), put("b"), put("c")], vec![]), 2),
            Err(Error::TooManyOps)
        );
        let inner = nested(vec![put("a"), put("b")], vec![]);
        assert_eq!(check_txn(&txn(vec![inner.clone()], vec![]), 3), Ok(()));
        assert_eq!(
            check_txn(&txn(vec![inner], vec![]), 2),
            Err(Error::TooManyOps)
        );
    }

    #[test]
    fn bad_operations_are_named_as_etcd_names_them() {
        let empty = pb::RequestOp { request: None };
        assert_eq!(
            check_txn(&txn(vec![empty], vec![]), 9),
            Err(Error::KeyNotFound)
        );
        assert_eq!(
            check_txn(&txn(vec![put("")], vec![]), 9),
            Err(Error::EmptyKey)
        );
        let bad_sort = pb::RangeRequest {
            key: "k".into(),
            sort_order: 7,
            ..Default::default()
        };
        assert_eq!(check_range(&bad_sort), Err(Error::InvalidSortOption));
        let kept = pb::PutRequest {
            key: "k".into(),
            value: "v".into(),
            ignore_value: true,
            ..Default::default()
        };
        assert_eq!(check_put(&kept), Err(Error::ValueProvided));
    }
}
