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
        let text = "Unsupported transfer encoding".to_string();
        return Some(closing_text(StatusCode::NOT_IMPLEMENTED, text));
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
        return Some(closing(StatusCode::EXPECTATION_FAILED));
    }
    None
}

/// The response to a request that cannot be read.
pub fn bad_request(why: Option<&'static str>) -> Response<Body> {
    let text = why.map_or_else(
        || "Bad Request".to_string(),
        |why| format!("Bad Request: {why}"),
    );
    let mut response = closing_text(StatusCode::BAD_REQUEST, format!("400 {text}"));
    if let Ok(phrase) = ReasonPhrase::try_from(text.into_bytes()) {
        response.extensions_mut().insert(phrase);
    }
    response
}

/// An empty response, after which the connection is closed.
pub fn closing(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::default());
    *response.status_mut() = status;
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(header::CONNECTION, close);
    response
}

/// Like [`closing`], with a text.
fn closing_text(status: StatusCode, text: String) -> Response<Body> {
    let mut response = closing(status);
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, plain);
    *response.body_mut() = Body::plain(text);
    response
}

/// The characters of a host (golang.org/x/net, http/httpguts, `ValidHostHeader`).
fn may_be_in_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!$%&()*+,-.:;=['_]~".contains(&byte)
}
