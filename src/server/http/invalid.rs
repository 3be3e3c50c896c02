//! Requests that Go's HTTP server rejects before any handler sees them (Go 1.26, net/http/server.go, `readRequest` and
//! `serve`). Knows no routes.

use http::{HeaderValue, Response, StatusCode, Version, header, request::Parts};
use hyper::ext::ReasonPhrase;

use crate::server::grpc::Body;

/// The response to a request with an invalid head.
pub fn check(parts: &Parts) -> Option<Response<Body>> {
    // HTTP/2 has its own rules, which its implementation checks.
    if parts.version > Version::HTTP_11 {
        return None;
    }
    let headers = &parts.headers;
    let chunked = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"chunked");
    if !headers
        .get_all(header::TRANSFER_ENCODING)
        .iter()
        .all(chunked)
    {
        let mut response = closing(StatusCode::NOT_IMPLEMENTED);
        *response.body_mut() = Body::plain("Unsupported transfer encoding");
        return Some(response);
    }
    let mut hosts = headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if parts.version == Version::HTTP_11 && parts.method != http::Method::CONNECT => {
            return Some(bad_request(Some("missing required Host header")));
        }
        (Some(_), Some(_)) => return Some(bad_request(None)),
        (Some(host), None) if !host.as_bytes().iter().copied().all(may_be_in_host) => {
            return Some(bad_request(Some("malformed Host header")));
        }
        _ => {}
    }
    let expected = headers.get(header::EXPECT).map(HeaderValue::as_bytes);
    if expected.is_some_and(|e| !e.is_empty() && !e.eq_ignore_ascii_case(b"100-continue")) {
        let mut response = closing(StatusCode::EXPECTATION_FAILED);
        response.headers_mut().remove(header::CONTENT_TYPE);
        return Some(response);
    }
    None
}

/// The response to a request that cannot be read.
pub fn bad_request(why: Option<&'static str>) -> Response<Body> {
    let text = why.map_or_else(
        || "Bad Request".to_string(),
        |why| format!("Bad Request: {why}"),
    );
    let mut response = closing(StatusCode::BAD_REQUEST);
    *response.body_mut() = Body::plain(format!("400 {text}"));
    if let Ok(phrase) = ReasonPhrase::try_from(text.into_bytes()) {
        response.extensions_mut().insert(phrase);
    }
    response
}

/// An empty response, after which the connection is closed.
fn closing(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::default());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// The characters of a host (golang.org/x/net, http/httpguts, `ValidHostHeader`).
fn may_be_in_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!$%&()*+,-.:;=['_]~".contains(&byte)
}
