//! Requests in short form, and assertions about errors.

use std::fmt::Debug;

use bytes::Bytes;
use etcd_maintenance::proto::{
    etcdserverpb::{
        self as pb, compare::CompareResult, compare::CompareTarget, compare::TargetUnion,
        request_op::Request, response_op::Response as OpResponse,
    },
    mvccpb::KeyValue,
};
use tonic::{Code, Response, Status};

use crate::target::Target;

pub fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

/// The end of the range of all keys that begin with `prefix`.
pub fn prefix_end(prefix: &str) -> Bytes {
    let mut end = prefix.as_bytes().to_vec();
    *end.last_mut().unwrap() += 1;
    end.into()
}

pub fn put(key: &str, value: &str) -> pb::PutRequest {
    pb::PutRequest {
        key: bytes(key),
        value: bytes(value),
        ..Default::default()
    }
}

pub fn get(key: &str) -> pb::RangeRequest {
    pb::RangeRequest {
        key: bytes(key),
        ..Default::default()
    }
}

pub fn prefix(key: &str) -> pb::RangeRequest {
    pb::RangeRequest {
        key: bytes(key),
        range_end: prefix_end(key),
        ..Default::default()
    }
}

pub fn delete(key: &str) -> pb::DeleteRangeRequest {
    pb::DeleteRangeRequest {
        key: bytes(key),
        ..Default::default()
    }
}

pub fn compact(revision: i64) -> pb::CompactionRequest {
    pb::CompactionRequest {
        revision,
        physical: true,
    }
}

pub fn op(request: impl Into<Op>) -> pb::RequestOp {
    pb::RequestOp {
        request: Some(request.into().0),
    }
}

/// A request in a transaction.
pub struct Op(Request);

impl From<pb::PutRequest> for Op {
    fn from(r: pb::PutRequest) -> Op {
        Op(Request::RequestPut(r))
    }
}

impl From<pb::RangeRequest> for Op {
    fn from(r: pb::RangeRequest) -> Op {
        Op(Request::RequestRange(r))
    }
}

impl From<pb::DeleteRangeRequest> for Op {
    fn from(r: pb::DeleteRangeRequest) -> Op {
        Op(Request::RequestDeleteRange(r))
    }
}

impl From<pb::TxnRequest> for Op {
    fn from(r: pb::TxnRequest) -> Op {
        Op(Request::RequestTxn(r))
    }
}

pub fn txn(
    compare: Vec<pb::Compare>,
    success: Vec<pb::RequestOp>,
    failure: Vec<pb::RequestOp>,
) -> pb::TxnRequest {
    pb::TxnRequest {
        compare,
        success,
        failure,
    }
}

pub fn compare(key: &str, result: CompareResult, what: TargetUnion) -> pb::Compare {
    let target = match what {
        TargetUnion::Version(_) => CompareTarget::Version,
        TargetUnion::CreateRevision(_) => CompareTarget::Create,
        TargetUnion::ModRevision(_) => CompareTarget::Mod,
        TargetUnion::Value(_) => CompareTarget::Value,
        TargetUnion::Lease(_) => CompareTarget::Lease,
    };
    pb::Compare {
        result: result.into(),
        target: target.into(),
        key: bytes(key),
        target_union: Some(what),
        ..Default::default()
    }
}

pub fn range_of(response: &pb::ResponseOp) -> &pb::RangeResponse {
    match &response.response {
        Some(OpResponse::ResponseRange(r)) => r,
        other => panic!("not the answer to a range: {other:?}"),
    }
}

pub fn keys(response: &pb::RangeResponse) -> Vec<String> {
    response.kvs.iter().map(|kv| text(&kv.key)).collect()
}

pub fn text(bytes: &Bytes) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Key, value, create revision, mod revision, version.
pub fn facts(kv: &KeyValue) -> (String, String, i64, i64, i64) {
    (
        text(&kv.key),
        text(&kv.value),
        kv.create_revision,
        kv.mod_revision,
        kv.version,
    )
}

/// Asserts that a request fails with this code and text.
#[track_caller]
pub fn refused<T: Debug>(answer: Result<Response<T>, Status>, code: Code, text: &str) {
    match answer {
        Ok(taken) => panic!("taken, but {text:?} was expected: {taken:?}"),
        Err(status) => assert_eq!((status.code(), status.message()), (code, text)),
    }
}

/// Puts `pairs` one after the other; on a new server, the first gets revision 2.
pub async fn fill(target: &Target, pairs: &[(&str, &str)]) {
    let mut kv = target.kv();
    for (key, value) in pairs {
        kv.put(put(key, value)).await.unwrap();
    }
}
