//! Waiters for a lock or for leadership. Each has a key with a common prefix, attached to its lease; the oldest key is
//! first in the queue (etcd v3.7.1, client/v3/concurrency).

use std::time::Duration;

use bytes::Bytes;

use super::{keep_alive::KeepAlive, watcher::Watcher};
use crate::{
    cli::{context::Context, error::CommandError},
    client::{Client, Deadline, Limit, rpc::prefix_end, stream::StreamOptions},
    proto::{
        etcdserverpb::{
            self as pb, compare::TargetUnion, request_op::Request, response_op::Response,
        },
        mvccpb::event::EventType,
    },
};

/// Timeout for leaving the queue at the end.
const LEAVE_LIMIT: Duration = Duration::from_secs(5);

/// A place in a queue.
pub struct Place {
    client: Client,
    /// The prefix that all waiters share.
    prefix: String,
    /// The key of this waiter.
    pub key: String,
    /// The revision at which the key was created.
    created: i64,
    lease: i64,
    /// Ends when the lease is lost.
    kept: tokio::task::JoinHandle<()>,
}

impl Place {
    /// Creates a lease of `ttl` seconds, keeps it alive, and joins the queue under `name` with `value`.
    ///
    /// # Errors
    /// An error from the server.
    pub async fn take(
        ctx: &Context,
        client: Client,
        name: &str,
        value: Bytes,
        ttl: i64,
    ) -> Result<Place, CommandError> {
        let request = pb::LeaseGrantRequest { ttl, id: 0 };
        let lease = client.lease_grant(request, ctx.deadline()?).await?.id;
        let mut alive = KeepAlive::new(client.clone(), lease, ctx.deadline()?);
        let kept = tokio::spawn(async move { while let Ok(Some(_)) = alive.next().await {} });
        let prefix = format!("{name}/");
        let mut place = Place {
            key: format!("{prefix}{lease:x}"),
            client,
            prefix,
            created: 0,
            lease,
            kept,
        };
        match place.queue_up(value, ctx.deadline()?).await {
            Ok(()) => Ok(place),
            Err(error) => {
                place.leave().await;
                Err(error)
            }
        }
    }

    /// Puts the key, unless an earlier attempt has already put it.
    async fn queue_up(&mut self, value: Bytes, deadline: Deadline) -> Result<(), CommandError> {
        let key = Bytes::from(self.key.clone());
        let op = |request| pb::RequestOp {
            request: Some(request),
        };
        let get = pb::RangeRequest {
            key: key.clone(),
            ..Default::default()
        };
        let txn = pb::TxnRequest {
            compare: vec![pb::Compare {
                result: pb::compare::CompareResult::Equal.into(),
                target: pb::compare::CompareTarget::Create.into(),
                key: key.clone(),
                target_union: Some(TargetUnion::CreateRevision(0)),
                ..Default::default()
            }],
            success: vec![op(Request::RequestPut(pb::PutRequest {
                key,
                value,
                lease: self.lease,
                ..Default::default()
            }))],
            failure: vec![op(Request::RequestRange(get))],
        };
        let answer = self.client.txn(txn, deadline).await?;
        self.created = match answer.responses.into_iter().next().and_then(|r| r.response) {
            Some(Response::ResponseRange(range)) => {
                range.kvs.first().map_or(0, |kv| kv.create_revision)
            }
            _ => answer.header.map_or(0, |h| h.revision),
        };
        Ok(())
    }

    /// Waits until there is no older waiter.
    ///
    /// # Errors
    /// An error from the server, or the watch of an older waiter ended.
    pub async fn wait(&self, ctx: &Context) -> Result<(), CommandError> {
        loop {
            let request = pb::RangeRequest {
                key: Bytes::from(self.prefix.clone()),
                range_end: prefix_end(self.prefix.as_bytes()).into(),
                limit: 1,
                sort_order: pb::range_request::SortOrder::Descend.into(),
                sort_target: pb::range_request::SortTarget::Create.into(),
                max_create_revision: self.created - 1,
                ..Default::default()
            };
            let answer = self.client.range(request, ctx.deadline()?).await?;
            let Some(before) = answer.kvs.into_iter().next() else {
                return Ok(());
            };
            let revision = answer.header.map_or(0, |h| h.revision);
            self.wait_for_delete(ctx, before.key, revision).await?;
        }
    }

    async fn wait_for_delete(
        &self,
        ctx: &Context,
        key: Bytes,
        revision: i64,
    ) -> Result<(), CommandError> {
        let create = pb::WatchCreateRequest {
            key,
            start_revision: revision,
            ..Default::default()
        };
        let options = StreamOptions::default();
        let mut watcher = Watcher::new(self.client.clone(), create, options, ctx.deadline()?);
        loop {
            let response = watcher.next().await.map_err(|ended| {
                let lost = "lost watcher waiting for delete".to_owned();
                let text = ended.reason.unwrap_or(lost);
                ended.error.map_or_else(
                    || CommandError::new(crate::cli::error::ErrorKind::Failed, text),
                    CommandError::from,
                )
            })?;
            if response
                .events
                .iter()
                .any(|e| e.r#type() == EventType::Delete)
            {
                return Ok(());
            }
        }
    }

    /// The key and value of this waiter.
    ///
    /// # Errors
    /// An error from the server.
    pub async fn pair(&self, ctx: &Context) -> Result<pb::RangeResponse, CommandError> {
        let request = pb::RangeRequest {
            key: Bytes::from(self.key.clone()),
            ..Default::default()
        };
        Ok(self.client.range(request, ctx.deadline()?).await?)
    }

    /// Waits until the lease, and with it the place in the queue, is lost.
    pub async fn lost(&mut self) {
        // The task is not aborted before, so it ends only when the lease is lost.
        let _ = (&mut self.kept).await;
    }

    /// Leaves the queue: deletes the key and revokes the lease. Failures are ignored, because the lease expires by
    /// itself.
    pub async fn leave(self) {
        self.kept.abort();
        let deadline = || {
            Deadline::after(Limit {
                length: LEAVE_LIMIT,
                flag: "",
            })
        };
        let delete = pb::DeleteRangeRequest {
            key: Bytes::from(self.key),
            ..Default::default()
        };
        let _ = self.client.delete_range(delete, deadline()).await;
        let revoke = pb::LeaseRevokeRequest { id: self.lease };
        let _ = self.client.lease_revoke(revoke, deadline()).await;
    }
}
