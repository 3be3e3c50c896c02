//! `/metrics`: the page of metrics in Prometheus' text format.

use http::{Response, StatusCode};

use super::route::{text, with_type};
use crate::{
    proto::etcdserverpb::AuthStatusRequest,
    server::{
        context::RequestContext,
        grpc::{Body, Services},
        metrics::State,
    },
};

/// The page.
pub async fn metrics(services: &Services) -> Response<Body> {
    let context = RequestContext::in_process();
    let status = match services.core.status(&context).await {
        Ok(status) => status,
        Err(e) => return text(StatusCode::SERVICE_UNAVAILABLE, format!("{e}\n")),
    };
    let auth = services
        .core
        .auth_status(&context, AuthStatusRequest {})
        .await;
    let auth_revision = auth.map_or(0, |auth| auth.auth_revision);
    let leases = services.core.lease_counts();
    let header = services.core.header();
    // The version of the storage follows that of the cluster.
    let cluster_version = status
        .storage_version
        .rsplit_once('.')
        .map_or("", |(minor, _)| minor);
    let watches = services.core.watch_counts();
    let page = services.metrics.page(&State {
        keys: services.core.key_count() as u64,
        compact_revision: services.core.compact_revision(),
        watch_streams: watches.streams as u64,
        watchers: watches.watchers as u64,
        slow_watchers: watches.slow as u64,
        events: watches.events,
        features: services.config.features.all().collect(),
        cluster_version: cluster_version.to_string(),
        member_id: header.member_id,
        revision: header.revision,
        db_size: status.db_size,
        db_size_in_use: status.db_size_in_use,
        quota: status.db_size_quota,
        applied_index: status.raft_applied_index,
        auth_revision,
        leases_granted: leases.granted,
        leases_revoked: leases.revoked,
        leases_renewed: leases.renewed,
        leases_expired: leases.expired,
        version: status.version,
    });
    with_type("text/plain; version=0.0.4; charset=utf-8", page.into())
}
