//! Converts an HTTP response that is not gRPC, for example from a proxy or a web server, to the gRPC error that grpc-go
//! reports for it (internal/transport/http2_client.go). Does not read the body.

use http::{HeaderMap, HeaderValue, Response, StatusCode, header::CONTENT_TYPE};
use tonic::Code;

const GRPC: &str = "application/grpc";

/// Returns a gRPC response unchanged. Replaces any other by one that contains only the error.
pub fn checked<B>(mut answer: Response<B>) -> Response<B> {
    let status = answer.status();
    let mut errors = vec![];
    if status != StatusCode::OK {
        let name = status.canonical_reason().unwrap_or_default();
        errors.push(format!(
            "unexpected HTTP status code received from server: {} ({name})",
            status.as_u16()
        ));
    }
    match answer.headers().get(CONTENT_TYPE) {
        None => errors.push("malformed header: missing HTTP content-type".into()),
        Some(kind) if is_grpc(kind) => {}
        Some(kind) => errors.push(format!(
            "transport: received unexpected content-type {}",
            crate::golang::format::quote(kind.as_bytes())
        )),
    }
    if errors.is_empty() {
        return answer;
    }
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(GRPC));
    headers.insert("grpc-status", HeaderValue::from(code(status) as i32));
    // After percent-encoding, the text is valid in a header.
    if let Ok(text) = HeaderValue::from_str(&percent_encoded(&errors.join("; "))) {
        headers.insert("grpc-message", text);
    }
    *answer.headers_mut() = headers;
    *answer.status_mut() = StatusCode::OK;
    answer
}

fn is_grpc(kind: &HeaderValue) -> bool {
    let rest = kind.as_bytes().strip_prefix(GRPC.as_bytes());
    matches!(rest, Some([] | [b';' | b'+', ..]))
}

fn code(status: StatusCode) -> Code {
    match status.as_u16() {
        400 => Code::Internal,
        401 => Code::Unauthenticated,
        403 => Code::PermissionDenied,
        404 => Code::Unimplemented,
        429 | 502 | 503 | 504 => Code::Unavailable,
        _ => Code::Unknown,
    }
}

fn percent_encoded(text: &str) -> String {
    text.bytes()
        .map(|b| match b {
            b' '..=b'$' | b'&'..=b'~' => char::from(b).to_string(),
            _ => format!("%{b:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(http: u16, kind: Option<&str>) -> Option<(Code, String)> {
        let mut answer = Response::builder().status(http);
        if let Some(kind) = kind {
            answer = answer.header(CONTENT_TYPE, kind);
        }
        let answer = checked(answer.body(()).unwrap());
        let status = tonic::Status::from_header_map(answer.headers())?;
        Some((status.code(), status.message().to_owned()))
    }

    #[test]
    fn texts_are_those_of_go() {
        for kind in [
            "application/grpc",
            "application/grpc+proto",
            "application/grpc; x",
        ] {
            assert_eq!(status(200, Some(kind)), None);
        }
        for (http, kind, code, text) in [
            (
                404,
                None,
                Code::Unimplemented,
                "unexpected HTTP status code received from server: 404 (Not Found); malformed header: missing HTTP content-type",
            ),
            (
                503,
                Some("application/grpc"),
                Code::Unavailable,
                "unexpected HTTP status code received from server: 503 (Service Unavailable)",
            ),
            (
                200,
                Some("text/html; charset=\"50%\""),
                Code::Unknown,
                "transport: received unexpected content-type \"text/html; charset=\\\"50%\\\"\"",
            ),
        ] {
            assert_eq!(status(http, kind), Some((code, text.to_owned())));
        }
    }
}
