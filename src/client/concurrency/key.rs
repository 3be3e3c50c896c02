//! What locks and elections share: a key for each session under a common prefix, ordered by create revision, and
//! waiting for the preceding keys (etcd v3.7.1, client/v3/concurrency/key.go).

use bytes::Bytes;

use super::{error::ConcurrencyError, session::Session};
use crate::{
    client::{Client, ClientError, Deadline, StreamOptions, rpc::prefix_end},
    proto::{
        etcdserverpb::{
            self as pb, compare,
            range_request::{SortOrder, SortTarget},
            request_op, response_op,
        },
        mvccpb,
    },
};

/// The key of a session: the prefix followed by the lease in hexadecimal.
pub fn session_key(prefix: &[u8], lease: i64) -> Vec<u8> {
    let mut key = prefix.to_vec();
    key.extend(format!("{lease:x}").into_bytes());
    key
}

/// Compares the create revision of `key`; 0 means that it does not exist.
pub fn created_at(key: &[u8], revision: i64) -> pb::Compare {
    pb::Compare {
        result: compare::CompareResult::Equal.into(),
        target: compare::CompareTarget::Create.into(),
        key: Bytes::copy_from_slice(key),
        target_union: Some(compare::TargetUnion::CreateRevision(revision)),
        ..Default::default()
    }
}

/// A put as an operation of a transaction.
pub fn put(key: &[u8], value: &[u8], lease: i64) -> pb::RequestOp {
    let put = pb::PutRequest {
        key: Bytes::copy_from_slice(key),
        value: Bytes::copy_from_slice(value),
        lease,
        ..Default::default()
    };
    pb::RequestOp {
        request: Some(request_op::Request::RequestPut(put)),
    }
}

/// A get as an operation of a transaction.
pub fn get(key: &[u8]) -> pb::RequestOp {
    operation(pb::RangeRequest {
        key: Bytes::copy_from_slice(key),
        ..Default::default()
    })
}

/// A deletion as an operation of a transaction.
pub fn delete(key: &[u8]) -> pb::RequestOp {
    let delete = pb::DeleteRangeRequest {
        key: Bytes::copy_from_slice(key),
        ..Default::default()
    };
    pb::RequestOp {
        request: Some(request_op::Request::RequestDeleteRange(delete)),
    }
}

/// A range as an operation of a transaction.
pub fn operation(range: pb::RangeRequest) -> pb::RequestOp {
    pb::RequestOp {
        request: Some(request_op::Request::RequestRange(range)),
    }
}

/// A request for the key under `prefix` that was created first: its session holds the lock or is the leader.
pub fn first_created(prefix: &[u8]) -> pb::RangeRequest {
    by_creation(prefix, SortOrder::Ascend)
}

fn by_creation(prefix: &[u8], order: SortOrder) -> pb::RangeRequest {
    pb::RangeRequest {
        key: Bytes::copy_from_slice(prefix),
        range_end: prefix_end(prefix).into(),
        limit: 1,
        sort_order: order.into(),
        sort_target: SortTarget::Create.into(),
        ..Default::default()
    }
}

/// The key read by operation `at` of a transaction.
pub fn read(response: &pb::TxnResponse, at: usize) -> Option<&mvccpb::KeyValue> {
    match &response.responses.get(at)?.response {
        Some(response_op::Response::ResponseRange(range)) => range.kvs.first(),
        _ => None,
    }
}

/// The revision in a response header.
pub fn revision(header: Option<&pb::ResponseHeader>) -> i64 {
    header.map_or(0, |header| header.revision)
}

/// Waits until there is no key under `prefix` that was created at or before `newest`.
pub async fn wait_for_predecessors(
    session: &Session,
    prefix: &[u8],
    newest: i64,
) -> Result<(), ConcurrencyError> {
    loop {
        let request = pb::RangeRequest {
            max_create_revision: newest,
            ..by_creation(prefix, SortOrder::Descend)
        };
        let predecessors = session.client().range(request, Deadline::never());
        let answer = session.run(predecessors).await?;
        // The newest of the older keys. When it is deleted, older ones may still exist.
        let Some(predecessor) = answer.kvs.first() else {
            return Ok(());
        };
        let from = revision(answer.header.as_ref());
        tokio::select! {
            deleted = wait_for_deletion(session.client(), &predecessor.key, from) => deleted?,
            () = session.ended() => return Err(ConcurrencyError::SessionExpired),
        }
    }
}

/// Waits until `key` is deleted, at `from` or later.
async fn wait_for_deletion(client: &Client, key: &Bytes, from: i64) -> Result<(), ClientError> {
    let create = pb::WatchCreateRequest {
        key: key.clone(),
        start_revision: from,
        ..Default::default()
    };
    let mut watch = client.watch(create, StreamOptions::default(), Deadline::never());
    loop {
        let answer = watch.next().await?;
        let deletes = |event: &mvccpb::Event| event.r#type() == mvccpb::event::EventType::Delete;
        if answer.events.iter().any(deletes) {
            return Ok(());
        }
    }
}
