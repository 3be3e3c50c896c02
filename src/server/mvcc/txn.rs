//! Transactions: compares, checks and operations of a request, on a reader's view or the writer's.
//!
//! First all compares are evaluated, including those of nested transactions. Then everything that could make the
//! request fail is checked. Finally the operations are executed in order, and cannot fail. Rules: etcd v3.7.1,
//! server/etcdserver/txn/txn.go.

use std::{cmp::Ordering, sync::atomic};

use super::{
    index::KeyRange,
    key_index::Found,
    view::{Values, View},
    write::WriteTxn,
};
use crate::{
    proto::{
        etcdserverpb::{
            Compare, PutRequest, RangeRequest, ResponseHeader, ResponseOp, TxnRequest, TxnResponse,
            compare::{CompareResult, CompareTarget, TargetUnion},
            request_op::Request,
            response_op::Response,
        },
        mvccpb::KeyValue,
    },
    server::error::Error,
};

/// Tells whether a lease exists.
pub type LeaseLookup<'a> = &'a dyn Fn(i64) -> bool;

/// Whether a transaction cannot write, whatever the result of its compares. As in etcd, a nested transaction counts as
/// writing.
pub fn is_read_only(r: &TxnRequest) -> bool {
    r.success
        .iter()
        .chain(&r.failure)
        .all(|op| matches!(op.request, Some(Request::RequestRange(_))))
}

/// Whether one of its ranges names a revision. A negative one counts too, and is rejected as compacted.
pub fn names_revision(r: &TxnRequest) -> bool {
    r.success
        .iter()
        .chain(&r.failure)
        .any(|op| matches!(&op.request, Some(Request::RequestRange(r)) if r.revision != 0))
}

/// The results of the compares, for a transaction and for the nested ones in the chosen branch.
#[derive(Debug, PartialEq, Eq)]
pub struct Path {
    succeeded: bool,
    nested: Vec<Path>,
}

impl Path {
    /// Evaluates all compares.
    ///
    /// # Errors
    /// A record is damaged.
    pub fn choose<V: Values>(view: &View<'_, V>, r: &TxnRequest) -> Result<Path, Error> {
        let mut succeeded = true;
        for c in &r.compare {
            if !holds(view, c)? {
                succeeded = false;
                break;
            }
        }
        let mut nested = Vec::new();
        for op in branch(r, succeeded) {
            if let Some(Request::RequestTxn(inner)) = &op.request {
                nested.push(Path::choose(view, inner)?);
            }
        }
        Ok(Path { succeeded, nested })
    }
}

fn branch(r: &TxnRequest, succeeded: bool) -> &[crate::proto::etcdserverpb::RequestOp] {
    if succeeded { &r.success } else { &r.failure }
}

/// Whether a compare is true for every key in its range. A missing key compares as zeros.
fn holds<V: Values>(view: &View<'_, V>, c: &Compare) -> Result<bool, Error> {
    let keys = KeyRange::new(&c.key, &c.range_end);
    let needs_record = matches!(
        CompareTarget::try_from(c.target),
        Ok(CompareTarget::Value | CompareTarget::Lease)
    );
    let mut found: Vec<Found> = Vec::new();
    let (mut seen, mut all) = (false, true);
    view.index.visit(keys, view.revision, |_, f| {
        seen = true;
        if needs_record {
            found.push(f);
        } else {
            all = compare(c, &f, None);
        }
        all
    });
    if !seen {
        // A missing value equals nothing, not even an empty value.
        let nothing = Found {
            modified: Default::default(),
            created: 0,
            version: 0,
        };
        return Ok(c.target != CompareTarget::Value as i32
            && compare(c, &nothing, Some(&KeyValue::default())));
    }
    // In chunks, so that a compare on a long range neither holds all values in memory nor reads further after the first
    // one that fails.
    for piece in found.chunks(100) {
        let revs: Vec<_> = piece.iter().map(|f| f.modified).collect();
        for (f, kv) in piece.iter().zip(view.values.values(&revs)?) {
            if !compare(c, f, Some(&kv)) {
                return Ok(false);
            }
        }
    }
    Ok(all)
}

fn compare(c: &Compare, found: &Found, record: Option<&KeyValue>) -> bool {
    let union = c.target_union.as_ref();
    let number = |is: i64, wanted: Option<i64>| is.cmp(&wanted.unwrap_or(0));
    let result = match CompareTarget::try_from(c.target) {
        Ok(CompareTarget::Version) => number(
            found.version,
            union.and_then(|u| match u {
                TargetUnion::Version(v) => Some(*v),
                _ => None,
            }),
        ),
        Ok(CompareTarget::Create) => number(
            found.created,
            union.and_then(|u| match u {
                TargetUnion::CreateRevision(v) => Some(*v),
                _ => None,
            }),
        ),
        Ok(CompareTarget::Mod) => number(
            found.modified.main,
            union.and_then(|u| match u {
                TargetUnion::ModRevision(v) => Some(*v),
                _ => None,
            }),
        ),
        Ok(CompareTarget::Lease) => number(
            record.map_or(0, |kv| kv.lease),
            union.and_then(|u| match u {
                TargetUnion::Lease(v) => Some(*v),
                _ => None,
            }),
        ),
        Ok(CompareTarget::Value) => {
            let wanted: &[u8] = match union {
                Some(TargetUnion::Value(v)) => v,
                _ => b"",
            };
            let is: &[u8] = record.map_or(b"", |kv| &kv.value);
            is.cmp(wanted)
        }
        // As in etcd, an unknown target compares as equal.
        Err(_) => Ordering::Equal,
    };
    // As in etcd, an unknown comparison (a number that the protocol does not define) is true.
    match CompareResult::try_from(c.result) {
        Ok(CompareResult::Equal) => result == Ordering::Equal,
        Ok(CompareResult::NotEqual) => result != Ordering::Equal,
        Ok(CompareResult::Greater) => result == Ordering::Greater,
        Ok(CompareResult::Less) => result == Ordering::Less,
        Err(_) => true,
    }
}

/// Checks everything that can make a transaction fail against the state before it: revisions of its ranges, leases, and
/// keys needed by `ignore_value` and `ignore_lease`.
///
/// # Errors
/// The first error in the order of the operations.
pub fn check<V: Values>(
    view: &View<'_, V>,
    r: &TxnRequest,
    path: &Path,
    leases: LeaseLookup<'_>,
) -> Result<(), Error> {
    let mut nested = path.nested.iter();
    for op in branch(r, path.succeeded) {
        match &op.request {
            Some(Request::RequestRange(range)) => check_range(view, range)?,
            Some(Request::RequestPut(put)) => check_put(view, put, leases)?,
            Some(Request::RequestTxn(inner)) => {
                if let Some(path) = nested.next() {
                    check(view, inner, path, leases)?;
                }
            }
            Some(Request::RequestDeleteRange(_)) | None => {}
        }
    }
    Ok(())
}

fn check_range<V: Values>(view: &View<'_, V>, r: &RangeRequest) -> Result<(), Error> {
    match r.revision {
        0 => Ok(()),
        revision if revision > view.revision => Err(Error::FutureRev),
        // Unlike the range itself, this check does not treat a negative revision as the current one.
        revision if revision < view.compacted.load(atomic::Ordering::Acquire) => {
            Err(Error::Compacted)
        }
        _ => Ok(()),
    }
}

/// Checks everything that can make a put fail, against the state before its transaction.
///
/// # Errors
/// The lease does not exist, or an `ignore_` option needs a key that does not exist.
pub fn check_put<V: Values>(
    view: &View<'_, V>,
    r: &PutRequest,
    leases: LeaseLookup<'_>,
) -> Result<(), Error> {
    if r.lease != 0 && !leases(r.lease) {
        return Err(Error::LeaseNotFound);
    }
    if (r.ignore_value || r.ignore_lease) && view.index.get(&r.key, view.revision).is_none() {
        return Err(Error::KeyNotFound);
    }
    Ok(())
}

/// Executes a read-only transaction on a reader's view. The response header contains only the revision; nested headers
/// are as in etcd.
///
/// # Errors
/// A range requests a revision that has been compacted or is in the future, or a record is damaged.
pub fn read<V: Values>(view: &View<'_, V>, r: &TxnRequest) -> Result<TxnResponse, Error> {
    let path = Path::choose(view, r)?;
    // A read-only transaction names no lease.
    check(view, r, &path, &|_| false)?;
    let mut answer = TxnResponse {
        header: header(view.revision),
        succeeded: path.succeeded,
        responses: Vec::new(),
    };
    for op in branch(r, path.succeeded) {
        let response = match &op.request {
            Some(Request::RequestRange(range)) => Some(Response::ResponseRange(view.range(range)?)),
            _ => None,
        };
        answer.responses.push(ResponseOp { response });
    }
    Ok(answer)
}

/// Executes a transaction that has passed its checks.
///
/// # Errors
/// A record is damaged; the operation that read it has changed nothing.
pub fn execute<B: Values>(
    txn: &mut WriteTxn<'_, B>,
    r: &TxnRequest,
    path: &Path,
) -> Result<TxnResponse, Error> {
    let mut answer = TxnResponse {
        header: Some(ResponseHeader::default()),
        succeeded: path.succeeded,
        responses: Vec::new(),
    };
    let mut nested = path.nested.iter();
    for op in branch(r, path.succeeded) {
        let response = match &op.request {
            Some(Request::RequestRange(range)) => {
                Some(Response::ResponseRange(txn.view().range(range)?))
            }
            Some(Request::RequestPut(put)) => Some(Response::ResponsePut(txn.put(put)?)),
            Some(Request::RequestDeleteRange(delete)) => {
                Some(Response::ResponseDeleteRange(txn.delete_range(delete)?))
            }
            Some(Request::RequestTxn(inner)) => match nested.next() {
                Some(path) => Some(Response::ResponseTxn(execute(txn, inner, path)?)),
                None => None,
            },
            None => None,
        };
        answer.responses.push(ResponseOp { response });
    }
    Ok(answer)
}

/// A header that contains only the revision.
pub(super) fn header(revision: i64) -> Option<ResponseHeader> {
    Some(ResponseHeader {
        revision,
        ..Default::default()
    })
}
