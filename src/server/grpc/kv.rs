//! The KV service: checks requests and passes them to the core. `RangeStream` splits a range into chunks.

use std::sync::Arc;

use prost::Message as _;

use super::{checks, message, stream::Outbound};
use crate::{
    proto::etcdserverpb as pb,
    server::{
        config::Config,
        context::RequestContext,
        core::Core,
        error::Error,
        mvcc::encoded::Encoded,
        quota::{put_cost, txn_cost},
        unsent::{Held, Holder},
    },
};

/// Number of keys in the first chunk of a stream (etcd v3.7.1, server/etcdserver/v3_server.go); later chunks are
/// larger.
const FIRST_PIECE: i64 = 10;

/// The KV service.
pub struct Kv {
    core: Core,
    max_txn_ops: usize,
    max_request_bytes: usize,
}

impl Kv {
    pub fn new(core: Core, config: &Config) -> Kv {
        Kv {
            core,
            max_txn_ops: config.max_txn_ops,
            max_request_bytes: config.max_request_bytes,
        }
    }

    pub async fn range(
        &self,
        context: &RequestContext,
        r: pb::RangeRequest,
    ) -> Result<Encoded, Error> {
        checks::check_range(&r)?;
        self.core.range_encoded(context, r, message::PREFIX).await
    }

    pub async fn put(
        &self,
        context: &RequestContext,
        r: pb::PutRequest,
    ) -> Result<pb::PutResponse, Error> {
        if let Err(error) = checks::check_put(&r) {
            return Err(self.core.refusal(put_cost(&r), error).await);
        }
        self.core.put(context, r).await
    }

    pub async fn delete_range(
        &self,
        context: &RequestContext,
        r: pb::DeleteRangeRequest,
    ) -> Result<pb::DeleteRangeResponse, Error> {
        checks::check_delete(&r)?;
        self.core.delete_range(context, r).await
    }

    pub async fn txn(&self, context: &RequestContext, r: pb::TxnRequest) -> Result<Encoded, Error> {
        if let Err(error) = checks::check_txn(&r, self.max_txn_ops) {
            return Err(self.core.refusal(txn_cost(&r), error).await);
        }
        self.core.txn_encoded(context, r, message::PREFIX).await
    }

    /// Sends the range in chunks, all at the revision of the first. Only the last chunk has a header, `more` and
    /// `count`.
    pub async fn range_stream(
        &self,
        context: &RequestContext,
        mut r: pb::RangeRequest,
        outbound: Outbound<pb::RangeStreamResponse>,
    ) -> Result<(), Error> {
        checks::check_range_stream(&r)?;
        // The pieces count as unsent responses, so that clients which do not read cannot fill the memory.
        let answers = self.core.answers();
        if r.count_only {
            let mut whole = self.core.range(context, r).await?;
            whole.kvs.clear();
            whole.more = false;
            return send(&outbound, whole, &answers).await;
        }
        outbound.watched_by(&answers);
        let limit = if r.limit == 0 { i64::MAX } else { r.limit };
        let target = self.max_request_bytes;
        r.limit = FIRST_PIECE.min(limit);
        let mut sent = 0i64;
        let mut first_header: Option<pb::ResponseHeader> = None;
        loop {
            let mut piece = self.core.range_chunk(context, r.clone()).await?;
            let size = piece.encoded_len();
            let held = Held::new(size, answers.clone());
            let header = first_header.get_or_insert_with(|| piece.header.unwrap_or_default());
            if r.revision == 0 {
                r.revision = header.revision;
            }
            sent += i64::try_from(piece.kvs.len()).unwrap_or(i64::MAX);
            let next = piece.kvs.last().map(|kv| after(&kv.key));
            let last = !piece.more || sent >= limit || next.is_none();
            if last {
                piece.header = Some(*header);
                piece.count = sent;
                if let Some(key) = next.filter(|_| piece.more) {
                    piece.count += self.count_from(context, &r, key).await?;
                }
                drop(held);
                return send(&outbound, piece, &answers).await;
            }
            piece.header = None;
            piece.more = false;
            piece.count = 0;
            drop(held);
            send(&outbound, piece, &answers).await?;
            if let Some(key) = next {
                r.key = key;
            }
            r.limit = next_limit(r.limit, size, target).min(limit - sent);
        }
    }

    /// The number of keys of range `r` from `key` on.
    async fn count_from(
        &self,
        context: &RequestContext,
        r: &pb::RangeRequest,
        key: bytes::Bytes,
    ) -> Result<i64, Error> {
        let rest = pb::RangeRequest {
            key,
            range_end: r.range_end.clone(),
            revision: r.revision,
            count_only: true,
            ..Default::default()
        };
        Ok(self.core.range(context, rest).await?.count)
    }
}

/// Sends a piece. The encoded message replaces it, both in memory and in the count.
async fn send(
    outbound: &Outbound<pb::RangeStreamResponse>,
    piece: pb::RangeResponse,
    answers: &Arc<dyn Holder>,
) -> Result<(), Error> {
    let piece = pb::RangeStreamResponse {
        range_response: Some(piece),
    };
    outbound.send_counted(piece, answers).await
}

/// The key that directly follows `key`.
fn after(key: &[u8]) -> bytes::Bytes {
    let mut next = Vec::with_capacity(key.len() + 1);
    next.extend_from_slice(key);
    next.push(0);
    next.into()
}

/// Doubles or halves the number of keys per chunk if the last chunk differed much from `target` bytes.
fn next_limit(last: i64, size: usize, target: usize) -> i64 {
    if size < target / 2 {
        last.saturating_mul(2)
    } else if size > target.saturating_mul(2) {
        (last / 2).max(1)
    } else {
        last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_approach_the_target_and_are_never_empty() {
        assert_eq!(next_limit(10, 100, 1000), 20);
        assert_eq!(next_limit(10, 600, 1000), 10);
        assert_eq!(next_limit(10, 3000, 1000), 5);
        assert_eq!(next_limit(1, 3000, 1000), 1);
    }
}
