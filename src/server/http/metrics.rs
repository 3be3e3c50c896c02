//! `/metrics`: the page of metrics in Prometheus' text format, compressed for clients that prefer that. As in etcd, the
//! request may have any method (github.com/prometheus/client_golang v1.23.2, prometheus/promhttp/http.go).

use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};

use super::{
    accept,
    route::{text, with_type},
};
use crate::{
    proto::etcdserverpb::AuthStatusRequest,
    server::{
        context::RequestContext,
        grpc::{Body, Services},
        metrics::State,
    },
};

/// The page, for a request with these headers.
pub async fn metrics(services: &Services, headers: &HeaderMap) -> Response<Body> {
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
    let content_type = content_type(headers);
    if !prefers_gzip(headers) {
        return with_type(content_type, page.into());
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    // Writing to memory cannot fail.
    let _ = encoder.write_all(page.as_bytes());
    let compressed = encoder.finish().unwrap_or_default();
    let mut response = with_type(content_type, compressed.into());
    let gzip = HeaderValue::from_static("gzip");
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_ENCODING, gzip);
    response
}

/// The content type with the way of escaping names that the client asks for (github.com/prometheus/common v0.67.5,
/// expfmt/encode.go, `Negotiate`). No name on the page needs to be escaped in these ways.
fn content_type(headers: &HeaderMap) -> &'static str {
    let mut escaping = "underscores";
    for entry in accept::entries(headers, header::ACCEPT) {
        if let Some(known @ ("allow-utf-8" | "underscores" | "values")) =
            entry.parameter("escaping")
        {
            escaping = known;
        }
        if entry.value == "text/plain" && matches!(entry.parameter("version"), None | Some("0.0.4"))
        {
            break;
        }
    }
    match escaping {
        "allow-utf-8" => "text/plain; version=0.0.4; charset=utf-8; escaping=allow-utf-8",
        "values" => "text/plain; version=0.0.4; charset=utf-8; escaping=values",
        _ => "text/plain; version=0.0.4; charset=utf-8; escaping=underscores",
    }
}

/// Whether the client accepts gzip and does not prefer an uncompressed page.
fn prefers_gzip(headers: &HeaderMap) -> bool {
    let entries = accept::entries(headers, header::ACCEPT_ENCODING);
    let quality = |encoding: &str| {
        let mut accepting = entries
            .iter()
            .filter(|entry| entry.value == "*" || entry.value == encoding);
        accepting.next().map_or(-1.0, |entry| entry.quality)
    };
    quality("gzip") > quality("identity").max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: http::HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn gzip_is_used_where_prometheus_handler_uses_it() {
        for (value, gzip) in [
            ("gzip", true),
            ("zstd, gzip", true),
            ("gzip;q=0.5,identity;q=0.1", true),
            ("gzip, identity", false),
            ("gzip;q=0", false),
            ("*", false),
            ("deflate", false),
            ("", false),
        ] {
            let headers = with(header::ACCEPT_ENCODING, value);
            assert_eq!(prefers_gzip(&headers), gzip, "{value}");
        }
    }

    #[test]
    fn the_content_type_names_the_escaping_that_was_asked_for() {
        for (value, escaping) in [
            ("*/*", "underscores"),
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.3",
                "allow-utf-8",
            ),
            ("text/plain,text/html;escaping=values;q=0.1", "underscores"),
            ("text/plain;escaping=values", "values"),
            ("text/plain;escaping=foo", "underscores"),
        ] {
            let headers = with(header::ACCEPT, value);
            let escaping = format!("escaping={escaping}");
            assert!(content_type(&headers).ends_with(&escaping), "{value}");
        }
    }
}
