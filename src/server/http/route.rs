//! Routes plain HTTP requests by path, and does what is common to all paths: checking host and origin. Paths, texts and
//! headers are etcd's (etcd v3.7.1, server/embed/serve.go and server/etcdserver/api/etcdhttp).

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header, request::Parts};
use percent_encoding::{CONTROLS, utf8_percent_encode};

use super::{gateway, invalid, metrics, path::Path, probes};
use crate::server::{
    config::Allowed,
    context::Peer,
    grpc::{Body, Services},
};

/// The connection that a request came over.
pub struct Caller {
    /// The peer.
    pub peer: Peer,
    /// Whether the connection is encrypted.
    pub secure: bool,
    /// Whether the listener serves only metrics and health checks.
    pub metrics_only: bool,
}

/// Answers one request.
pub async fn answer<B>(
    services: &Arc<Services>,
    caller: Caller,
    request: Request<B>,
) -> Response<Body>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: std::error::Error + 'static,
{
    let (parts, body) = request.into_parts();
    if let Some(refusal) = invalid::check(&parts) {
        return refusal;
    }
    // Go's server answers this itself.
    if parts.method == Method::OPTIONS && parts.uri.path() == "*" {
        return Response::new(Body::default());
    }
    let Some(mut path) = Path::parse(parts.uri.path()) else {
        return invalid::bad_request(None);
    };
    if caller.metrics_only {
        return match uncleaned(&parts, &path) {
            Some(redirect) => redirect,
            None => monitoring(services, &parts, &path.segments()).await,
        };
    }
    if let Some(rest) = path.decoded().strip_prefix("/v3beta/") {
        path = Path::of(format!("/v3/{rest}"));
    }
    if !caller.secure
        && let Some(refusal) = foreign_host(&services.config.host_whitelist, &parts)
    {
        return refusal;
    }
    if let Some(refusal) = named_certificate(services, &caller, &path) {
        return refusal;
    }
    let mut response = if parts.method == Method::OPTIONS {
        // A browser's preflight request. The response consists of the headers added below, whatever the path.
        Response::new(Body::default())
    } else {
        by_path(services, caller, &parts, &path, body).await
    };
    if let Some(origin) = allowed_origin(&services.config.cors, &parts.headers) {
        allow_origin(&mut response, origin);
    }
    response
}

async fn by_path<B>(
    services: &Arc<Services>,
    caller: Caller,
    parts: &Parts,
    path: &Path,
    body: B,
) -> Response<Body>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: std::error::Error + 'static,
{
    let segments = path.segments();
    let segments = match parts.method {
        Method::CONNECT => segments,
        _ => path.cleaned().segments(),
    };
    if services.config.gateway && segments == ["v3"] {
        return redirect(parts, &path.cleaned().directory_location());
    }
    if let Some(redirect) = uncleaned(parts, path) {
        return redirect;
    }
    match segments.split_first() {
        Some((first, rest)) if services.config.gateway && first == "v3" && !rest.is_empty() => {
            let below = below_v3(path.decoded()).unwrap_or_default();
            gateway::gateway(services, caller, parts, below, body).await
        }
        Some((first, [])) if first == "version" => match only_get(parts) {
            Some(refusal) => refusal,
            None => probes::version(services),
        },
        _ => monitoring(services, parts, &segments).await,
    }
}

/// The response to a path that is not clean, which etcd does not look up.
fn uncleaned(parts: &Parts, path: &Path) -> Option<Response<Body>> {
    if parts.uri.path() == "*" {
        return Some(invalid::closing(StatusCode::BAD_REQUEST));
    }
    if parts.method == Method::CONNECT || path.is_clean() {
        return None;
    }
    Some(redirect(parts, &path.cleaned().location()))
}

/// Sends the client to another path, with the same query (Go 1.26, net/http/server.go, `Redirect`).
fn redirect(parts: &Parts, path: &str) -> Response<Body> {
    let query = parts.uri.query().filter(|query| !query.is_empty());
    let url = match query {
        Some(query) => format!("{path}?{query}"),
        None => path.to_string(),
    };
    let mut response = Response::new(Body::default());
    *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
    let location = utf8_percent_encode(&url, CONTROLS).to_string();
    if let Ok(location) = HeaderValue::try_from(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    if matches!(parts.method, Method::GET | Method::HEAD) {
        let html = HeaderValue::from_static("text/html; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, html);
    }
    if parts.method == Method::GET {
        let url = url
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
            .replace('"', "&#34;")
            .replace('\'', "&#39;");
        let page = format!("<a href=\"{url}\">Temporary Redirect</a>.\n\n");
        *response.body_mut() = Body::plain(page);
    }
    response
}

/// Metrics and health checks.
async fn monitoring(services: &Services, parts: &Parts, segments: &[String]) -> Response<Body> {
    let query = parts.uri.query().unwrap_or_default();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match segments[..] {
        ["metrics"] => metrics::metrics(services, &parts.headers).await,
        ["health"] => match only_get(parts) {
            Some(refusal) => refusal,
            None => probes::health(services, query).await,
        },
        [root] | [root, _] if probes::has_check(root, segments.get(1).copied()) => {
            match only_get(parts) {
                Some(refusal) => refusal,
                None => probes::checks(services, root, segments.get(1).copied(), query).await,
            }
        }
        _ => text(StatusCode::NOT_FOUND, "404 page not found\n".into()),
    }
}

fn only_get(parts: &Parts) -> Option<Response<Body>> {
    if parts.method == Method::GET {
        return None;
    }
    let mut refusal = text(
        StatusCode::METHOD_NOT_ALLOWED,
        "Method Not Allowed\n".into(),
    );
    let get = HeaderValue::from_static("GET");
    refusal.headers_mut().insert(header::ALLOW, get);
    Some(refusal)
}

/// Rejects a request that names another host: a page in a browser may have rebound that name to this address
/// (CVE-2018-5702).
fn foreign_host(whitelist: &Allowed, parts: &Parts) -> Option<Response<Body>> {
    if *whitelist == Allowed::All {
        return None;
    }
    let named = (parts.headers.get(header::HOST)).map(|v| String::from_utf8_lossy(v.as_bytes()));
    let named = named.unwrap_or_else(|| parts.uri.authority().map_or("", |a| a.as_str()).into());
    let host = host_name(&named);
    if whitelist.admits(host) {
        return None;
    }
    tracing::warn!(
        host,
        "rejecting HTTP request to prevent DNS rebinding attacks"
    );
    let why = format!(
        "\netcd received your request, but the Host header was unrecognized.\n\
         \n\
         To fix this, choose one of the following options:\n\
         - Enable TLS, then any HTTPS request will be allowed.\n\
         - Add the hostname you want to use to the whitelist in settings.\n  \
           - e.g. etcd --host-whitelist {host:?}\n\
         \n\
         This requirement has been added to help prevent \"DNS Rebinding\" attacks (CVE-2018-5702).\n\n"
    );
    Some(text(StatusCode::MISDIRECTED_REQUEST, why))
}

/// Rejects a request to the gateway by a client whose certificate names a user. The gateway identifies users only by their
/// tokens, but such a client would expect to act as the user of its certificate.
fn named_certificate(services: &Services, caller: &Caller, path: &Path) -> Option<Response<Body>> {
    let named = caller.peer.common_name.as_deref();
    if named.is_none_or(str::is_empty)
        || !services.config.gateway
        || below_v3(path.decoded()).is_none()
        || !services.core.certificates_name_users()
    {
        return None;
    }
    let why = "CommonName of client sending a request against gateway will be ignored and not used as expected\n";
    Some(text(StatusCode::BAD_REQUEST, why.into()))
}

/// The rest of a path of the gateway.
fn below_v3(path: &str) -> Option<&str> {
    path.strip_prefix("/v3/")
}

/// A host without the port.
fn host_name(host: &str) -> &str {
    if let Some(v6) = host.strip_prefix('[') {
        return v6.split(']').next().unwrap_or(v6);
    }
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

/// The origin that browsers may accept.
fn allowed_origin(cors: &Allowed, headers: &HeaderMap) -> Option<HeaderValue> {
    if *cors == Allowed::All {
        return Some(HeaderValue::from_static("*"));
    }
    let origin = headers.get(header::ORIGIN)?;
    cors.admits(origin.to_str().ok()?).then(|| origin.clone())
}

fn allow_origin(response: &mut Response<Body>, origin: HeaderValue) {
    let headers = response.headers_mut();
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("POST, GET, OPTIONS, PUT, DELETE"),
    );
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static("accept, content-type, authorization"),
    );
}

/// Plain text in the format of Go's `http.Error`.
pub fn text(status: StatusCode, body: String) -> Response<Body> {
    let mut response = with_type("text/plain; charset=utf-8", body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}

/// A body with this content type and status 200.
pub fn with_type(content_type: &'static str, body: Bytes) -> Response<Body> {
    with_body(content_type, Body::plain(body))
}

/// A response with this body, of this type.
pub fn with_body(content_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_lose_their_ports() {
        for (host, name) in [
            ("a.com:2379", "a.com"),
            ("a.com", "a.com"),
            ("[::1]:2379", "::1"),
            ("", ""),
        ] {
            assert_eq!(host_name(host), name);
        }
    }
}
