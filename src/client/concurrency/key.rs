//! What a lock and an election share: a key for each session under a common prefix, its order by create revision, and
//! waiting for the keys in front of it (etcd v3.7.1, client/v3/concurrency/key.go).

use bytes::Bytes;

use super::{error::ConcurrencyError, session::Session};
use crate::{
    client::{Client, ClientError, StreamOptions, rpc::prefix_end},
    proto::{
        etcdserverpb::{
            self as pb, compare,
            range_request::{SortOrder, SortTarget},
            request_op, response_op,
        },
        mvccpb,
    },
};

/// The key of a session: the prefix and the lease in hexadecimal.
pub fn session_key(prefix: &[u8], lease: i64) -> Vec<u8> {
    let mut key = prefix.to_vec();
    key.extend(format!("{lease:x}").into_bytes());
    key
}

/// Whether `key` was created at this revision; 0: that it does not exist.
pub fn created_at(key: &[u8], revision: i64) -> pb::Compare {
    pb::Compare {
        result: compare::CompareResult::Equal.into(),
        target: compare::CompareTarget::Create.into(),
        key: Bytes::copy_from_slice(key),
        target_union: Some(compare::TargetUnion::CreateRevision(revision)),
        ..Default::default()
    }
}

/// As an operation of a transaction.
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

/// As an operation of a transaction.
pub fn get(key: &[u8]) -> pb::RequestOp {
    operation(pb::RangeRequest {
        key: Bytes::copy_from_slice(key),
        ..Default::default()
    })
}

/// As an operation of a transaction.
pub fn delete(key: &[u8]) -> pb::RequestOp {
    let delete = pb::DeleteRangeRequest {
        key: Bytes::copy_from_slice(key),
        ..Default::default()
    };
    pb::RequestOp {
        request: Some(request_op::Request::RequestDeleteRange(delete)),
    }
}

/// As an operation of a transaction.
pub fn operation(range: pb::RangeRequest) -> pb::RequestOp {
    pb::RequestOp {
        request: Some(request_op::Request::RequestRange(range)),
    }
}

/// The key under `prefix` that was created first: its session holds the lock, or leads.
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

/// What a transaction's operation read.
pub fn read(response: &pb::TxnResponse, at: usize) -> Option<&mvccpb::KeyValue> {
    match &response.responses.get(at)?.response {
        Some(response_op::Response::ResponseRange(range)) => range.kvs.first(),
        _ => None,
    }
}

/// The revision in an answer's header.
pub fn revision(header: Option<&pb::ResponseHeader>) -> i64 {
    header.map_or(0, |header| header.revision)
}

/// Waits until no key under `prefix` is left that was created at or before `newest`.
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
        let answer = session.client().range(request, session.deadline()).await?;
        // The youngest of the older keys: when it is gone, those before it may be too, or not.
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
    let connect = crate::client::Deadline::never();
    let mut watch = client.watch(create, StreamOptions::default(), connect);
    loop {
        let answer = watch.next().await?;
        let deletes = |event: &mvccpb::Event| event.r#type() == mvccpb::event::EventType::Delete;
        if answer.events.iter().any(deletes) {
            return Ok(());
        }
    }
}
