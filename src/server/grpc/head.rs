//! The headers of a gRPC request: what grpc-go rejects before it looks up the method, and the deadline of the call.
//! Order, codes and texts are those of grpc v1.82.1, internal/transport/http2_server.go, `operateHeaders`.

use std::time::{Duration, Instant};

use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header, request::Parts};
use tonic::Status;

use super::{body::Body, call::deadline_exceeded};

/// What the headers say about the call.
pub struct Head {
    /// When the client stops waiting.
    pub deadline: Option<Instant>,
}

/// An error with its gRPC status, and its HTTP status, which is 200 for errors of methods.
pub struct Refusal {
    pub status: Status,
    pub http: StatusCode,
}

impl From<Status> for Refusal {
    fn from(status: Status) -> Refusal {
        Refusal {
            status,
            http: StatusCode::OK,
        }
    }
}

impl Refusal {
    /// The error as Go's `http.Error` sends it (grpc v1.82.1, internal/transport/handler_server.go,
    /// `NewServerHandlerTransport`).
    pub fn plain(&self) -> Response<Body> {
        let not_allowed = self.http == StatusCode::METHOD_NOT_ALLOWED;
        let text = self.status.message();
        let text = match text.strip_prefix("Received a HEADERS frame with :method ") {
            Some(rest) if not_allowed => {
                let method = rest.split(' ').next().unwrap_or_default();
                format!("invalid gRPC request method {method}\n")
            }
            _ => format!("{text}\n"),
        };
        let mut response = Response::new(Body::plain(text));
        *response.status_mut() = self.http;
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/plain; charset=utf-8"),
        );
        headers.insert(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        );
        if not_allowed {
            headers.insert(header::ALLOW, HeaderValue::from_static("POST"));
        }
        response
    }
}

fn refusal(http: StatusCode, status: Status) -> Refusal {
    Refusal { status, http }
}

/// Checks the headers.
///
/// # Errors
/// They are not those of a gRPC request.
pub fn check(parts: &Parts) -> Result<Head, Refusal> {
    let headers = &parts.headers;
    if headers.get_all(header::HOST).iter().count() > 1 {
        let text = "num values of :authority: 1, num values of host: 2, both must only have 1 value as per HTTP/2 spec";
        return Err(refusal(StatusCode::BAD_REQUEST, Status::internal(text)));
    }
    let content_type = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    if !is_grpc(content_type.unwrap_or_default()) {
        let text = format!(
            "invalid gRPC request content-type {:?}",
            String::from_utf8_lossy(content_type.unwrap_or_default())
        );
        let status = Status::invalid_argument(text);
        return Err(refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, status));
    }
    // If there are several, all must be valid, and the last one counts.
    let timeout = (headers.get_all("grpc-timeout").iter())
        .try_fold(None, |_, value| timeout(value.as_bytes()).map(Some))
        .and_then(|timeout| check_binary(headers).map(|()| timeout))
        .map_err(|text| refusal(StatusCode::BAD_REQUEST, Status::internal(text)))?;
    if parts.method != Method::POST {
        let text = format!(
            "Received a HEADERS frame with :method {:?} which should be POST",
            parts.method.as_str()
        );
        return Err(refusal(
            StatusCode::METHOD_NOT_ALLOWED,
            Status::internal(text),
        ));
    }
    if timeout == Some(Duration::ZERO) {
        return Err(deadline_exceeded().into());
    }
    // A deadline beyond the range of the clock means no deadline.
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    Ok(Head { deadline })
}

/// `application/grpc`, possibly with a subtype.
fn is_grpc(content_type: &[u8]) -> bool {
    content_type
        .strip_prefix(b"application/grpc")
        .is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
}

/// The content type of the response, with the request's subtype.
pub fn response_content_type(request: &HeaderMap) -> HeaderValue {
    let subtype = (request.get(header::CONTENT_TYPE))
        .and_then(|v| v.to_str().ok())
        .and_then(|v| v.strip_prefix("application/grpc"))
        .and_then(|rest| rest.strip_prefix(['+', ';']))
        .filter(|subtype| !subtype.is_empty());
    subtype
        .and_then(|subtype| HeaderValue::try_from(format!("application/grpc+{subtype}")).ok())
        .unwrap_or(HeaderValue::from_static("application/grpc"))
}

/// Rejects a header whose name ends in `-bin` and whose value is not base64.
fn check_binary(headers: &HeaderMap) -> Result<(), String> {
    for (name, value) in headers {
        if !name.as_str().ends_with("-bin") {
            continue;
        }
        binary_metadata(value.as_bytes()).map_err(|why| {
            format!(
                "malformed binary metadata {:?} in header {:?}: {why}",
                String::from_utf8_lossy(value.as_bytes()),
                name.as_str()
            )
        })?;
    }
    Ok(())
}

/// Checks the value of a header whose name ends in `-bin`: base64, with Go's text if it is not.
///
/// # Errors
/// It is not base64.
pub fn binary_metadata(value: &[u8]) -> Result<(), String> {
    const BASE64: GeneralPurpose = GeneralPurpose::new(
        &STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_allow_trailing_bits(true)
            .with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    // Go expects padding if the length is a multiple of four, and no padding otherwise.
    let unexpected_padding =
        (value.iter().position(|byte| *byte == b'=')).filter(|_| !value.len().is_multiple_of(4));
    let wrong_at = match (BASE64.decode(value), unexpected_padding) {
        (Ok(_), None) => return Ok(()),
        (Ok(_), Some(at)) => at,
        (Err(base64::DecodeError::InvalidByte(at, _)), _)
        | (Err(base64::DecodeError::InvalidLastSymbol(at, _)), _) => at,
        _ => value.len(),
    };
    Err(format!("illegal base64 data at input byte {wrong_at}"))
}

/// Parses `grpc-timeout`: up to eight digits and a unit (grpc v1.82.1, internal/transport/http_util.go,
/// `decodeTimeout`).
fn timeout(value: &[u8]) -> Result<Duration, String> {
    let text = String::from_utf8_lossy(value);
    let wrong = |why: String| Err(format!("malformed grpc-timeout: {why}"));
    let (Some((unit, digits)), 2..) = (value.split_last(), value.len()) else {
        return wrong(format!("transport: timeout string is too short: {text:?}"));
    };
    if value.len() > 9 {
        return wrong(format!("transport: timeout string is too long: {text:?}"));
    }
    let nanoseconds: u64 = match unit {
        b'H' => 3_600_000_000_000,
        b'M' => 60_000_000_000,
        b'S' => 1_000_000_000,
        b'm' => 1_000_000,
        b'u' => 1_000,
        b'n' => 1,
        _ => {
            return wrong(format!(
                "transport: timeout unit is not recognized: {text:?}"
            ));
        }
    };
    if !digits.iter().all(u8::is_ascii_digit) {
        let digits = String::from_utf8_lossy(digits);
        return wrong(format!(
            "strconv.ParseUint: parsing {digits:?}: invalid syntax"
        ));
    }
    let count = digits
        .iter()
        .fold(0u64, |n, digit| n * 10 + u64::from(digit - b'0'));
    Ok(Duration::from_nanos(nanoseconds.saturating_mul(count)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn checked(method: Method, headers: &[(&str, &[u8])]) -> Result<Head, (u16, i32, String)> {
        let mut request = Request::builder().method(method).uri("/s/m");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        check(&parts).map_err(|refusal| {
            (
                refusal.http.as_u16(),
                i32::from(refusal.status.code()),
                refusal.status.message().to_string(),
            )
        })
    }

    const GRPC: (&str, &[u8]) = ("content-type", b"application/grpc");

    #[test]
    fn units_and_limits_are_grpcs() {
        assert_eq!(timeout(b"5S"), Ok(Duration::from_secs(5)));
        assert_eq!(
            timeout(b"99999999M"),
            Ok(Duration::from_secs(5_999_999_940))
        );
        assert_eq!(timeout(b"250m"), Ok(Duration::from_millis(250)));
        assert!(timeout(b"99999999H").is_ok());
        for (bad, why) in [
            ("", "transport: timeout string is too short: \"\""),
            ("S", "transport: timeout string is too short: \"S\""),
            (
                "123456789S",
                "transport: timeout string is too long: \"123456789S\"",
            ),
            ("5s", "transport: timeout unit is not recognized: \"5s\""),
            ("-5S", "strconv.ParseUint: parsing \"-5\": invalid syntax"),
        ] {
            let text = timeout(bad.as_bytes()).unwrap_err();
            assert_eq!(text, format!("malformed grpc-timeout: {why}"));
        }
    }

    #[test]
    fn heads_are_refused_as_grpc_go_refuses_them() {
        assert!(checked(Method::POST, &[GRPC]).is_ok_and(|head| head.deadline.is_none()));
        for good in ["application/grpc+proto", "application/grpc;charset=utf-8"] {
            let content_type = ("content-type", good.as_bytes());
            assert!(checked(Method::POST, &[content_type]).is_ok(), "{good}");
        }
        for (method, headers, want) in [
            (
                Method::POST,
                &[("content-type", &b"application/json"[..])][..],
                (
                    415,
                    3,
                    "invalid gRPC request content-type \"application/json\"",
                ),
            ),
            (
                Method::POST,
                &[("content-type", b"application/grpc-web")],
                (
                    415,
                    3,
                    "invalid gRPC request content-type \"application/grpc-web\"",
                ),
            ),
            (
                Method::POST,
                &[],
                (415, 3, "invalid gRPC request content-type \"\""),
            ),
            (
                Method::GET,
                &[GRPC],
                (
                    405,
                    13,
                    "Received a HEADERS frame with :method \"GET\" which should be POST",
                ),
            ),
            (
                Method::POST,
                &[GRPC, ("grpc-timeout", b"5")],
                (
                    400,
                    13,
                    "malformed grpc-timeout: transport: timeout string is too short: \"5\"",
                ),
            ),
            (
                Method::POST,
                &[GRPC, ("x-bin", b"a$==")],
                (
                    400,
                    13,
                    "malformed binary metadata \"a$==\" in header \"x-bin\": illegal base64 data at input byte 1",
                ),
            ),
            (
                Method::POST,
                &[GRPC, ("grpc-timeout", b"0n")],
                (200, 4, "context deadline exceeded"),
            ),
        ] {
            let (http, code, text) = want;
            let refused = checked(method, headers).err();
            assert_eq!(refused, Some((http, code, text.to_string())));
        }
    }

    #[test]
    fn binary_metadata_is_base64_with_padding_or_without() {
        for good in ["", "YQ", "YQ==", "YWJj", "YWI="] {
            let headers = [GRPC, ("x-bin", good.as_bytes())];
            assert!(checked(Method::POST, &headers).is_ok(), "{good}");
        }
        for bad in ["Y", "YQ=", "a-_b", "YWJj="] {
            let headers = [GRPC, ("x-bin", bad.as_bytes())];
            assert!(checked(Method::POST, &headers).is_err(), "{bad}");
        }
    }
}
