//! A lease that is kept alive as long as its owner exists. Locks and elections depend on it.

use std::{future::Future, sync::Arc, time::Duration};

use tokio::{sync::watch, task::AbortHandle};

use super::error::ConcurrencyError;
use crate::{
    client::{Client, ClientError, Deadline, Limit},
    proto::etcdserverpb as pb,
};

/// A lease that is kept alive. Clones share it; after the last one is dropped, it is no longer kept alive.
#[derive(Clone)]
pub struct Session {
    inner: Arc<Inner>,
}

struct Inner {
    client: Client,
    lease: i64,
    ttl: i64,
    limit: Limit,
    /// Whether the lease is still kept alive.
    alive: watch::Receiver<bool>,
    task: AbortHandle,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Session {
    /// Grants a lease of `ttl` seconds before `first`, and keeps it alive. The other requests have no limit but the end of
    /// the session, so waiting for a lock survives a stall of the network.
    ///
    /// # Errors
    /// The lease could not be granted.
    pub async fn new(client: &Client, ttl: i64, first: Deadline) -> Result<Session, ClientError> {
        let request = pb::LeaseGrantRequest { ttl, id: 0 };
        let lease = client.lease_grant(request, first).await?;
        Ok(Session::with_lease(client, lease.id, ttl, first.limit))
    }

    /// Keeps an existing lease alive. `limit` bounds the time until a server is reached for a request that releases what the
    /// session holds.
    pub fn with_lease(client: &Client, lease: i64, ttl: i64, limit: Limit) -> Session {
        let (end, alive) = watch::channel(true);
        // The first answer has as much time as the later ones: the lease has just been granted.
        let first = Deadline::after(Limit {
            length: life(ttl),
            flag: "",
        });
        let mut keep_alive = client.keep_alive(lease, first);
        let task = tokio::spawn(async move {
            while keep_alive.next().await.is_ok() {}
            // There may be no receiver.
            let _ = end.send(false);
        });
        Session {
            inner: Arc::new(Inner {
                client: client.clone(),
                lease,
                ttl,
                limit,
                alive,
                task: task.abort_handle(),
            }),
        }
    }

    /// The id of the lease.
    pub fn lease(&self) -> i64 {
        self.inner.lease
    }

    /// The client that the session uses.
    pub fn client(&self) -> &Client {
        &self.inner.client
    }

    /// Runs a request of the session, which ends with it.
    ///
    /// # Errors
    /// The session ended ([`ConcurrencyError::SessionExpired`]), or the request failed.
    pub(super) async fn run<T>(
        &self,
        request: impl Future<Output = Result<T, ClientError>>,
    ) -> Result<T, ConcurrencyError> {
        tokio::select! {
            biased;
            answer = request => Ok(answer?),
            () = self.ended() => Err(ConcurrencyError::SessionExpired),
        }
    }

    /// The value of a key of this session.
    ///
    /// # Errors
    /// The session ended, or an error of its client.
    pub async fn read(&self, key: &[u8]) -> Result<pb::RangeResponse, ConcurrencyError> {
        let request = pb::RangeRequest {
            key: key.to_vec().into(),
            ..Default::default()
        };
        self.run(self.inner.client.range(request, Deadline::never()))
            .await
    }

    /// Waits until the lease is no longer kept alive: it expired, was revoked, or the session was closed.
    pub async fn ended(&self) {
        let mut alive = self.inner.alive.clone();
        // An error means that the sender is gone, and with it the keep-alive.
        let _ = alive.wait_for(|alive| !alive).await;
    }

    /// Whether the lease is no longer kept alive.
    pub fn has_ended(&self) -> bool {
        !*self.inner.alive.borrow()
    }

    /// Stops keeping the lease alive, so that it expires.
    pub fn orphan(&self) {
        self.inner.task.abort();
    }

    /// Stops keeping the lease alive and revokes it, which deletes its keys. Retries as long as the lease would live.
    ///
    /// # Errors
    /// The server did not revoke the lease.
    pub async fn close(&self) -> Result<(), ClientError> {
        self.orphan();
        let request = pb::LeaseRevokeRequest {
            id: self.inner.lease,
        };
        let revoke = |deadline| self.inner.client.lease_revoke(request, deadline);
        self.release(revoke).await.map(drop)
    }

    /// Runs a request that releases what the session holds. It survives a stall of the network too, but ends at the latest
    /// when the server has revoked the lease without a request.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub(super) async fn release<T, F>(
        &self,
        request: impl FnOnce(Deadline) -> F,
    ) -> Result<T, ClientError>
    where
        F: Future<Output = Result<T, ClientError>>,
    {
        let Inner { client, limit, .. } = &*self.inner;
        let length = life(self.inner.ttl);
        let end = Deadline::after(Limit { length, flag: "" });
        let reach = Deadline::after(Limit {
            length: length.min(limit.length),
            flag: limit.flag,
        });
        match end.run(request(reach.until_reached())).await {
            Some(released) => released,
            None => Err(client.out_of_time(end).await),
        }
    }
}

fn life(ttl: i64) -> Duration {
    Duration::from_secs(ttl.max(1).unsigned_abs())
}
