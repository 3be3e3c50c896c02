//! From a path of plain HTTP to its answer. Paths, texts and headers are etcd's (etcd v3.7.1,
//! server/etcdserver/api/etcdhttp).

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};

use super::{gateway, metrics, probes};
use crate::server::{
    context::Peer,
    grpc::{Body, Services},
};

/// Answers one request.
pub async fn answer<B>(services: &Arc<Services>, peer: Peer, request: Request<B>) -> Response<Body>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (parts, body) = request.into_parts();
    let path = parts.uri.path();
    let query = parts.uri.query().unwrap_or_default();
    let probe = path == "/health" || under(path, "/livez") || under(path, "/readyz");
    let below_v3 = (path.strip_prefix("/v3/")).or_else(|| path.strip_prefix("/v3beta/"));
    let mut response = if parts.method == Method::OPTIONS {
        // A browser asks first, whatever the path; all of the answer is in the headers below.
        Response::new(Body::default())
    } else if let Some(below) = below_v3.filter(|_| services.config.gateway) {
        gateway::gateway(services, peer, &parts, below, body).await
    } else if !(probe || matches!(path, "/version" | "/metrics")) {
        text(StatusCode::NOT_FOUND, "404 page not found\n".into())
    } else if parts.method != Method::GET {
        let mut refusal = text(
            StatusCode::METHOD_NOT_ALLOWED,
            "Method Not Allowed\n".into(),
        );
        refusal
            .headers_mut()
            .insert(header::ALLOW, HeaderValue::from_static("GET"));
        refusal
    } else {
        match path {
            "/health" => probes::health(services, query).await,
            "/version" => probes::version(services).await,
            "/metrics" => metrics::metrics(services).await,
            _ => probes::checks(services, path, query).await,
        }
    };
    for (name, value) in [
        (
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            "accept, content-type, authorization",
        ),
        (
            header::ACCESS_CONTROL_ALLOW_METHODS,
            "POST, GET, OPTIONS, PUT, DELETE",
        ),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    ] {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

fn under(path: &str, root: &str) -> bool {
    path.strip_prefix(root)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Plain text, as Go's `http.Error` sends it.
pub fn text(status: StatusCode, body: String) -> Response<Body> {
    let mut response = with_type("text/plain; charset=utf-8", body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}

/// A body of that content type, with status 200.
pub fn with_type(content_type: &'static str, body: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::plain(body));
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
