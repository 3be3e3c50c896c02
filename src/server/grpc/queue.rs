//! The queue underlying locks and elections: keys under a prefix, each attached to a lease; the oldest comes first
//! (etcd v3.7.1, client/v3/concurrency, which etcd's Lock and Election services use). Knows only keys.
//!
//! etcd's services use a client, and pass on the text of its errors without the code. The functions here do the same.

use bytes::Bytes;
use prost::Message as _;

use crate::{
    proto::{
        etcdserverpb::{
            self as pb,
            compare::{CompareResult, CompareTarget, TargetUnion},
            range_request::{SortOrder, SortTarget},
            request_op::Request,
            response_op::Response,
        },
        mvccpb::KeyValue,
    },
    server::{
        context::RequestContext,
        core::{Core, WatchStream},
        error::Error,
        mvcc::{event::Event, watch::Content},
    },
};

/// TTL in seconds of a lease granted to a caller that specifies none.
const SESSION_TTL: i64 = 60;

/// The prefix of the keys of a lock or an election.
pub fn prefix(name: &[u8]) -> Vec<u8> {
    [name, b"/"].concat()
}

/// The key of a lease under a prefix.
fn key(prefix: &[u8], lease: i64) -> Bytes {
    [prefix, format!("{lease:x}").as_bytes()].concat().into()
}

/// The lease of a caller: the given one, or a new one. Renews it once, as etcd does at the start of a session; the
/// caller must keep it alive.
pub async fn session(core: &Core, context: &RequestContext, lease: i64) -> Result<i64, Error> {
    if lease == 0 {
        let request = pb::LeaseGrantRequest {
            ttl: SESSION_TTL,
            id: 0,
        };
        let granted = core.lease_grant(context, request).await;
        return granted.map(|r| r.id).map_err(Error::without_code);
    }
    if lease > 0 {
        let renewed = core.lease_renew(context, lease).await;
        renewed.map_err(Error::without_code)?;
    }
    Ok(lease)
}

/// The result of joining a queue.
pub struct Joined {
    /// The lease of the caller.
    pub lease: i64,
    /// The key of the caller.
    pub key: Bytes,
    /// The place of the caller, which it leaves when this is dropped.
    pub place: Place,
    /// The create revision of the key.
    pub revision: i64,
    /// The value of the key, if the caller was in the queue already; it has not changed.
    pub previous: Option<Bytes>,
    /// The response to the transaction. The results of `reads` follow that of the first operation.
    pub answer: pb::TxnResponse,
}

/// Joins the queue under a prefix with this lease (see [`session`]): puts `value`, unless the key exists, and executes
/// `reads` in the same transaction.
pub async fn join(
    core: &Core,
    context: &RequestContext,
    prefix: &[u8],
    lease: i64,
    value: Bytes,
    reads: &[pb::RequestOp],
) -> Result<Joined, Error> {
    let lease = session(core, context, lease).await?;
    let key = key(prefix, lease);
    let then = |first| [&[first][..], reads].concat();
    let request = pb::TxnRequest {
        compare: vec![created_at(key.clone(), 0)],
        success: then(put(key.clone(), value, lease)),
        failure: then(range(one(key.clone()))),
    };
    let answer = core.txn(context, request).await;
    let answer = answer.map_err(Error::without_code)?;
    let previous = first_key(&answer, 0).filter(|_| !answer.succeeded);
    Ok(Joined {
        lease,
        place: Place::new(core, context, key.clone()),
        key,
        revision: match previous {
            Some(kv) => kv.create_revision,
            None => answer.header.map_or(0, |header| header.revision),
        },
        previous: previous.map(|kv| kv.value.clone()),
        answer,
    })
}

/// Compares the create revision of `key`; 0 means that it does not exist.
pub fn created_at(key: Bytes, revision: i64) -> pb::Compare {
    pb::Compare {
        result: CompareResult::Equal.into(),
        target: CompareTarget::Create.into(),
        key,
        target_union: Some(TargetUnion::CreateRevision(revision)),
        ..Default::default()
    }
}

/// A put as an operation of a transaction.
pub fn put(key: Bytes, value: Bytes, lease: i64) -> pb::RequestOp {
    let put = pb::PutRequest {
        key,
        value,
        lease,
        ..Default::default()
    };
    pb::RequestOp {
        request: Some(Request::RequestPut(put)),
    }
}

/// A range as an operation of a transaction.
pub fn range(range: pb::RangeRequest) -> pb::RequestOp {
    pb::RequestOp {
        request: Some(Request::RequestRange(range)),
    }
}

/// A deletion as an operation of a transaction.
pub fn delete(key: Bytes) -> pb::RequestOp {
    let delete = pb::DeleteRangeRequest {
        key,
        ..Default::default()
    };
    pb::RequestOp {
        request: Some(Request::RequestDeleteRange(delete)),
    }
}

/// The first key returned by the range that is operation `place` of a transaction.
pub fn first_key(answer: &pb::TxnResponse, place: usize) -> Option<&KeyValue> {
    match answer.responses.get(place)?.response.as_ref()? {
        Response::ResponseRange(range) => range.kvs.first(),
        _ => None,
    }
}

/// A request for one key.
pub fn one(key: Bytes) -> pb::RangeRequest {
    pb::RangeRequest {
        key,
        ..Default::default()
    }
}

/// A request for the oldest key under a prefix.
pub fn oldest(prefix: &[u8]) -> pb::RangeRequest {
    pb::RangeRequest {
        key: prefix.to_vec().into(),
        range_end: prefix_end(prefix),
        limit: 1,
        sort_order: SortOrder::Ascend.into(),
        sort_target: SortTarget::Create.into(),
        ..Default::default()
    }
}

/// The end of the range of all keys that begin with the prefix.
fn prefix_end(prefix: &[u8]) -> Bytes {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return end.into();
        }
    }
    // All keys from here on.
    Bytes::from_static(&[0])
}

/// Waits until there is no key under the prefix that was created at or before `revision`. Each waiter watches only the
/// key directly before its own, so that a release wakes only one of them.
pub async fn wait_for_turn(
    core: &Core,
    context: &RequestContext,
    prefix: &[u8],
    revision: i64,
) -> Result<(), Error> {
    loop {
        let before = pb::RangeRequest {
            sort_order: SortOrder::Descend.into(),
            max_create_revision: revision,
            ..oldest(prefix)
        };
        let answer = core.range(context, before).await;
        let answer = answer.map_err(Error::without_code)?;
        let Some(last) = answer.kvs.first() else {
            return Ok(());
        };
        let read_at = answer.header.map_or(0, |header| header.revision);
        let mut events = Events::of(core, context, last.key.clone(), Bytes::new(), read_at)
            .map_err(Error::without_code)?;
        while !events.next().await?.tombstone {}
    }
}

/// The events of a range from a revision on.
pub struct Events {
    stream: WatchStream,
    waiting: std::collections::VecDeque<Event>,
}

impl Events {
    /// The events of one key, or of a range.
    ///
    /// # Errors
    /// The caller has no permission to read it, or the server has stopped.
    pub fn of(
        core: &Core,
        context: &RequestContext,
        key: Bytes,
        range_end: Bytes,
        start_revision: i64,
    ) -> Result<Events, Error> {
        core.check_watch(context, &key, &range_end)?;
        let mut stream = core.watch()?;
        stream.create(pb::WatchCreateRequest {
            key,
            range_end,
            start_revision,
            ..Default::default()
        });
        Ok(Events {
            stream,
            waiting: std::collections::VecDeque::new(),
        })
    }

    /// The events of all keys under a prefix.
    ///
    /// # Errors
    /// See [`Events::of`].
    pub fn under(
        core: &Core,
        context: &RequestContext,
        prefix: &[u8],
        start_revision: i64,
    ) -> Result<Events, Error> {
        let key = prefix.to_vec().into();
        Events::of(core, context, key, prefix_end(prefix), start_revision)
    }

    /// The next event.
    ///
    /// # Errors
    /// The history has been compacted or cannot be read, or the server has stopped.
    pub async fn next(&mut self) -> Result<Event, Error> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Ok(event);
            }
            for delivery in self.stream.next().await {
                match delivery.content {
                    Content::Event(event, _) => self.waiting.push_back(event.event.clone()),
                    Content::Events(events, _) => {
                        self.waiting.extend(events.iter().map(|e| e.event.clone()));
                    }
                    Content::Created | Content::Progress => {}
                    Content::Compacted(_) => return Err(Error::Compacted.without_code()),
                    Content::Cancelled => return Err(Error::WatchCanceled.without_code()),
                    Content::Refused(why) | Content::Failed(why) => {
                        return Err(Error::Other(tonic::Code::Unknown, why));
                    }
                }
            }
        }
    }
}

/// The key and value of a put.
pub fn key_value(event: &Event) -> Option<KeyValue> {
    KeyValue::decode(event.record.clone()).ok()
}

/// A place in a queue. If its owner goes away, the key is deleted.
pub struct Place {
    core: Core,
    context: RequestContext,
    key: Bytes,
    kept: bool,
}

impl Place {
    /// The place held by a key.
    fn new(core: &Core, context: &RequestContext, key: Bytes) -> Place {
        Place {
            core: core.clone(),
            context: context.clone(),
            key,
            kept: false,
        }
    }

    /// Keeps the key, because the owner has reached the head of the queue.
    pub fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        let (core, mut context) = (self.core.clone(), self.context.clone());
        // The client's deadline has ended its wait and does not apply here.
        context.deadline = None;
        let request = pb::DeleteRangeRequest {
            key: std::mem::take(&mut self.key),
            ..Default::default()
        };
        tokio::spawn(async move {
            // If deleting fails, the expiry of the lease deletes it.
            let _ = core.delete_range(&context, request).await;
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_have_ends() {
        assert_eq!(prefix(b"a"), b"a/");
        assert_eq!(key(b"a/", 255), "a/ff");
        assert_eq!(prefix_end(b"a/"), "a0");
        assert_eq!(prefix_end(b"a\xff"), "b");
        assert_eq!(prefix_end(b"\xff"), &[0][..]);
    }
}
