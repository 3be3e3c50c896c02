//! The KV service: check, ask the core, answer. `RangeStream` cuts a range into pieces.

use std::{sync::Arc, time::Duration};

use prost::Message as _;

use super::{
    body::{Body, Sender},
    checks,
    dispatch::Services,
    message,
};
use crate::{
    proto::etcdserverpb as pb,
    server::{
        context::RequestContext,
        error::Error,
        mvcc::encoded::Encoded,
        quota::{put_cost, txn_cost},
    },
};

/// Keys in the first piece of a stream (etcd v3.7.1, server/etcdserver/v3_server.go); the pieces grow
/// from there.
const FIRST_PIECE: i64 = 10;

impl Services {
    pub(super) async fn range(&self, r: pb::RangeRequest) -> Result<Encoded, Error> {
        checks::check_range(&r)?;
        self.core
            .range_encoded(&RequestContext::in_process(), r, message::PREFIX)
            .await
    }

    pub(super) async fn put(&self, r: pb::PutRequest) -> Result<pb::PutResponse, Error> {
        if let Err(error) = checks::check_put(&r) {
            return Err(self
                .core
                .refusal(&RequestContext::in_process(), put_cost(&r), error)
                .await);
        }
        self.core.put(&RequestContext::in_process(), r).await
    }

    pub(super) async fn delete_range(
        &self,
        r: pb::DeleteRangeRequest,
    ) -> Result<pb::DeleteRangeResponse, Error> {
        checks::check_delete(&r)?;
        self.core
            .delete_range(&RequestContext::in_process(), r)
            .await
    }

    pub(super) async fn txn(&self, r: pb::TxnRequest) -> Result<pb::TxnResponse, Error> {
        if let Err(error) = checks::check_txn(&r, self.config.max_txn_ops) {
            return Err(self
                .core
                .refusal(&RequestContext::in_process(), txn_cost(&r), error)
                .await);
        }
        self.core.txn(&RequestContext::in_process(), r).await
    }

    pub(super) async fn compact(
        &self,
        r: pb::CompactionRequest,
    ) -> Result<pb::CompactionResponse, Error> {
        self.core.compact(&RequestContext::in_process(), r).await
    }

    pub(super) fn range_stream(
        self: &Arc<Self>,
        r: pb::RangeRequest,
        deadline: Option<Duration>,
    ) -> Result<Body, Error> {
        checks::check_range_stream(&r)?;
        let (sender, body) = Body::stream(self.config.stream_stall, deadline);
        let services = Arc::clone(self);
        tokio::spawn(async move {
            let end = match pieces(&services, r, &sender).await {
                Ok(()) => Ok(()),
                Err(Stop::Refused(e)) => Err(e.into()),
                Err(Stop::Gone) => Err(Error::Canceled.into()),
            };
            sender.end(end).await;
        });
        Ok(body)
    }
}

enum Stop {
    Refused(Error),
    Gone,
}

impl From<Error> for Stop {
    fn from(e: Error) -> Stop {
        Stop::Refused(e)
    }
}

/// Sends the range piece by piece, all at the revision of the first. Only the last piece has a header,
/// `more` and `count`.
async fn pieces(services: &Services, mut r: pb::RangeRequest, to: &Sender) -> Result<(), Stop> {
    if r.count_only {
        let mut whole = services
            .core
            .range(&RequestContext::in_process(), r)
            .await?;
        whole.kvs.clear();
        whole.more = false;
        return send(to, whole).await;
    }
    let limit = if r.limit == 0 { i64::MAX } else { r.limit };
    let target = services.config.max_request_bytes;
    r.limit = FIRST_PIECE.min(limit);
    let mut sent = 0i64;
    let mut first_header: Option<pb::ResponseHeader> = None;
    loop {
        let mut piece = services
            .core
            .range_chunk(&RequestContext::in_process(), r.clone())
            .await?;
        let header = first_header.get_or_insert_with(|| piece.header.unwrap_or_default());
        if r.revision == 0 {
            r.revision = header.revision;
        }
        sent += i64::try_from(piece.kvs.len()).unwrap_or(i64::MAX);
        let next = piece.kvs.last().map(|kv| after(&kv.key));
        let done = !piece.more || sent >= limit || next.is_none();
        let size = piece.encoded_len();
        if done {
            piece.header = Some(*header);
            piece.count = sent;
            if let Some(key) = next.clone().filter(|_| piece.more) {
                let rest = pb::RangeRequest {
                    key,
                    range_end: r.range_end.clone(),
                    revision: r.revision,
                    count_only: true,
                    ..Default::default()
                };
                piece.count += services
                    .core
                    .range(&RequestContext::in_process(), rest)
                    .await?
                    .count;
            }
            return send(to, piece).await;
        }
        piece.header = None;
        piece.more = false;
        piece.count = 0;
        send(to, piece).await?;
        if let Some(key) = next {
            r.key = key;
        }
        r.limit = next_limit(r.limit, size, target).min(limit - sent);
    }
}

/// The first key after `key`.
fn after(key: &[u8]) -> bytes::Bytes {
    let mut next = Vec::with_capacity(key.len() + 1);
    next.extend_from_slice(key);
    next.push(0);
    next.into()
}

/// Doubles or halves the number of keys a piece when the last one was far from `target` bytes.
fn next_limit(last: i64, size: usize, target: usize) -> i64 {
    if size < target / 2 {
        last.saturating_mul(2)
    } else if size > target.saturating_mul(2) {
        (last / 2).max(1)
    } else {
        last
    }
}

async fn send(to: &Sender, piece: pb::RangeResponse) -> Result<(), Stop> {
    let piece = pb::RangeStreamResponse {
        range_response: Some(piece),
    };
    to.send(message::frame(&piece))
        .await
        .map_err(|_| Stop::Gone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_grow_to_the_target_and_never_to_none() {
        assert_eq!(next_limit(10, 100, 1000), 20);
        assert_eq!(next_limit(10, 600, 1000), 10);
        assert_eq!(next_limit(10, 3000, 1000), 5);
        assert_eq!(next_limit(1, 3000, 1000), 1);
    }
}
