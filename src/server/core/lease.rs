//! The Lease service: granting, revoking, renewing and listing leases; and the thread that revokes expired ones.
//! Source: etcd v3.7.1, server/etcdserver/v3_server.go.

use std::{sync::Arc, time::Instant};

use tracing::warn;

use super::Core;
use crate::{
    proto::etcdserverpb as pb,
    server::{
        apply::Request,
        auth::{AuthStore, Identity},
        context::RequestContext,
        error::Error,
        lease::{Counts, Renewal},
        shared::Shared,
    },
};

impl Core {
    /// Grants a lease. If the id is 0, the server chooses one.
    ///
    /// # Errors
    /// The id is in use, the TTL is too large, or see [`Core::put`].
    pub async fn lease_grant(
        &self,
        context: &RequestContext,
        mut r: pb::LeaseGrantRequest,
    ) -> Result<pb::LeaseGrantResponse, Error> {
        let shared = &self.inner.shared;
        if r.id == 0 {
            r.id = shared.lease_ids.next_id();
        }
        shared.auth()?.check_known(&self.identify(context)?)?;
        self.write(context, r).await
    }

    /// Revokes a lease, and deletes its keys in one revision.
    ///
    /// # Errors
    /// The lease does not exist, or see [`Core::put`].
    pub async fn lease_revoke(
        &self,
        context: &RequestContext,
        r: pb::LeaseRevokeRequest,
    ) -> Result<pb::LeaseRevokeResponse, Error> {
        let shared = &self.inner.shared;
        shared.auth()?.check_known(&self.identify(context)?)?;
        self.write(context, r).await
    }

    /// Renews a lease. Returns its TTL in seconds, or 0 if it does not exist.
    ///
    /// # Errors
    /// The caller may not write the keys attached to the lease, or the server has stopped.
    pub async fn lease_renew(&self, context: &RequestContext, id: i64) -> Result<i64, Error> {
        self.check_changeable()?;
        let shared = &self.inner.shared;
        if shared.is_auth_enabled()? {
            let store = shared.auth()?;
            let identity = self.identify(context)?;
            store.check_known(&identity)?;
            store.check_lease_write(&identity, id, &*shared.lessor)?;
            check_auth_unchanged(shared, &store, &identity)?;
        }
        let revocations = shared.lessor.revocations();
        let mut revoked = None;
        loop {
            match shared.lessor.renew(id, Instant::now()) {
                Renewal::Renewed(ttl) => return Ok(ttl),
                Renewal::NotFound => return Ok(0),
                Renewal::Expiring => match revoked.take() {
                    // Register before looking up the lease once more, so that no revocation is missed.
                    None => {
                        let mut next = Box::pin(revocations.notified());
                        next.as_mut().enable();
                        revoked = Some(next);
                    }
                    Some(next) => {
                        // Without a writer, no more leases are revoked.
                        shared.published()?;
                        next.await;
                    }
                },
                Renewal::Checkpointed => {
                    let cleared = pb::LeaseCheckpoint {
                        id,
                        remaining_ttl: 0,
                    };
                    let request = pb::LeaseCheckpointRequest {
                        checkpoints: vec![cleared],
                    };
                    self.write(&RequestContext::in_process(), request).await?;
                }
            }
        }
    }

    /// Numbers of leases granted, renewed, revoked and expired since the start.
    pub fn lease_counts(&self) -> Counts {
        self.inner.shared.lessor.counts()
    }

    /// The remaining TTL of a lease, with its keys if requested; a TTL of -1 if the lease does not exist.
    ///
    /// # Errors
    /// The caller may not read the keys, or the server has stopped.
    pub async fn lease_time_to_live(
        &self,
        context: &RequestContext,
        r: pb::LeaseTimeToLiveRequest,
    ) -> Result<pb::LeaseTimeToLiveResponse, Error> {
        let shared = &self.inner.shared;
        let store = shared.auth()?;
        let identity = self.identify(context)?;
        store.check_known(&identity)?;
        if r.keys {
            store.check_lease_read(&identity, r.id, &*shared.lessor)?;
        }
        let header = Some(self.header());
        let status = shared.lessor.status(r.id, Instant::now());
        if r.keys {
            check_auth_unchanged(shared, &store, &identity)?;
        }
        Ok(match status {
            None => pb::LeaseTimeToLiveResponse {
                header,
                id: r.id,
                ttl: -1,
                ..Default::default()
            },
            Some(status) => pb::LeaseTimeToLiveResponse {
                header,
                id: r.id,
                ttl: status.ttl,
                granted_ttl: status.granted,
                keys: match r.keys {
                    true => status.keys,
                    false => Vec::new(),
                },
            },
        })
    }

    /// The ids of all leases, ordered by expiry.
    ///
    /// # Errors
    /// The caller may not read every attached key, or the server has stopped.
    pub async fn lease_leases(
        &self,
        context: &RequestContext,
        _: pb::LeaseLeasesRequest,
    ) -> Result<pb::LeaseLeasesResponse, Error> {
        let shared = &self.inner.shared;
        let store = shared.auth()?;
        let ids = shared.lessor.ids();
        if store.is_enabled() {
            let identity = self.identify(context)?;
            store.check_known(&identity)?;
            if store.check_admin(&identity).is_err() {
                for id in &ids {
                    store.check_lease_read(&identity, *id, &*shared.lessor)?;
                }
                check_auth_unchanged(shared, &store, &identity)?;
            }
        }
        let leases = ids.into_iter().map(|id| pb::LeaseStatus { id }).collect();
        Ok(pb::LeaseLeasesResponse {
            header: Some(self.header()),
            leases,
        })
    }
}

/// Fails if users and roles have changed since the check.
fn check_auth_unchanged(
    shared: &Shared,
    checked: &AuthStore,
    identity: &Identity,
) -> Result<(), Error> {
    let now = shared.auth()?;
    let changed = now.is_enabled() && now.revision() != checked.revision();
    match changed && *identity != Identity::Server {
        true => Err(Error::AuthOldRevision),
        false => Ok(()),
    }
}

/// Revokes expired leases, and records the remaining TTL of long ones, until the lessor is closed. Waits for each
/// batch, so that the number of its requests in the queue is bounded.
pub(super) fn run(shared: &Arc<Shared>) {
    while let Some(due) = shared.lessor.wait() {
        revoke(shared, &due.expired);
        if !due.checkpoints.is_empty() {
            let checkpoints = due.checkpoints.into_iter();
            let request = pb::LeaseCheckpointRequest {
                checkpoints: checkpoints
                    .map(|(id, remaining_ttl)| pb::LeaseCheckpoint { id, remaining_ttl })
                    .collect(),
            };
            let request = Request::new(request, Identity::Server, shared.ids.member);
            let recorded = shared.queue.push(request);
            let recorded = recorded.and_then(|r| r.blocking_recv().unwrap_or(Err(Error::Stopped)));
            if let Err(error) = recorded {
                warn!(%error, "failed to record the remaining TTLs of leases");
            }
        }
    }
}

fn revoke(shared: &Shared, expired: &[i64]) {
    let replies: Vec<_> = expired
        .iter()
        .map(|&id| {
            let request = pb::LeaseRevokeRequest { id };
            let request = Request::new(request, Identity::Server, shared.ids.member);
            (id, shared.queue.push(request))
        })
        .collect();
    for (id, reply) in replies {
        match reply.and_then(|r| r.blocking_recv().unwrap_or(Err(Error::Stopped))) {
            Ok(_) => shared.lessor.count_expired(1),
            // It has already been revoked by another request, or the server no longer writes.
            Err(Error::LeaseNotFound | Error::Stopped) => {}
            Err(error) => {
                warn!("lease-id" = format!("{id:016x}"), %error, "failed to revoke lease")
            }
        }
    }
}
