//! The JSON gateway: a request under `/v3/` is a gRPC request written as JSON, and so is its response. It calls the
//! same methods as gRPC and knows nothing of their meaning. Codes, texts and formats are those of
//! github.com/grpc-ecosystem/grpc-gateway v2, runtime.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::{Buf as _, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header, request::Parts};
use http_body::Frame;
use http_body_util::{BodyExt as _, Full, StreamBody};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status};

use super::{
    json,
    route::{Caller, with_body, with_type},
};
use crate::{
    golang::descriptors::{Descriptors, MessageId},
    server::{
        auth::Identity,
        context::{Peer, RequestContext},
        grpc::{
            Body, Method, MethodType, PREFIX, RequestBody, Row, Services, binary_metadata, framed,
            local,
        },
        heavy,
        unsent::Held,
    },
};

/// Answers a request. `below` is its path below `/v3/`, with its escapes resolved.
pub async fn gateway<B>(
    services: &Arc<Services>,
    caller: Caller,
    head: &Parts,
    below: &str,
    body: B,
) -> Response<Body>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: std::error::Error + 'static,
{
    match call(services, caller, head, below, body).await {
        Ok(response) => response,
        Err(status) => refusal(&status),
    }
}

async fn call<B>(
    services: &Arc<Services>,
    caller: Caller,
    head: &Parts,
    below: &str,
    body: B,
) -> Result<Response<Body>, Status>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: std::error::Error + 'static,
{
    let method = Method::at_gateway(below).ok_or_else(|| Status::not_found("Not Found"))?;
    let (posted, form) = override_method(head);
    if !posted {
        return Err(Status::unimplemented("Method Not Allowed"));
    }
    let (request, answer) = types(method)?;
    let context = RequestContext {
        // As in etcd, client certificates do not authenticate here; only tokens do.
        peer: Peer {
            common_name: None,
            ..caller.peer
        },
        identity: Identity::Nobody,
        deadline: deadline(&head.headers)?,
        metadata: metadata(&head.headers)?,
    };
    // Base64 and field names make the JSON longer than the encoded request.
    let limit = services.receive_limit().saturating_mul(2);
    let mut values = Values {
        body,
        reader: json::Reader::default(),
        ended: form,
        limit,
    };
    if method.row().kind == MethodType::BidiStream {
        let requests = RequestBody::new(requests(values, request));
        let body = local(services, method, context, requests).await?;
        return responses(body, answer).await;
    }
    // Without a body, the request is empty. As in etcd, everything after the first value is ignored.
    let message = match values.next().await? {
        Some(value) => encode(request, value).await?,
        None => Vec::new(),
    };
    let request = RequestBody::new(Full::new(framed(&message)));
    let body = local(services, method, context, request).await?;
    if method.row().kind == MethodType::ServerStream {
        return responses(body, answer).await;
    }
    let message = match body.collect().await {
        Ok(whole) => whole.to_bytes(),
        Err(never) => match never {},
    };
    // A response may wait a long time to be printed, and then for its client to read it.
    let answers = services.core.answers();
    let held = Held::new(message.len(), answers.clone());
    let json = print(answer, message.slice(PREFIX.min(message.len())..)).await?;
    drop(message);
    let body = Body::plain_counted(json, &answers);
    drop(held);
    Ok(success(with_body("application/json", body)))
}

/// The request and response types of a method.
fn types(method: Method) -> Result<(MessageId, MessageId), Status> {
    let Row { service, name, .. } = method.row();
    Descriptors::get()
        .method(service, name)
        .ok_or_else(|| Status::internal(format!("{service}/{name} is not described")))
}

/// Whether the method is POST after `X-HTTP-Method-Override`, and whether that header counted. It counts only for forms,
/// whose content is then not a message (grpc-gateway v2.29.0, runtime/mux.go, `ServeHTTP`).
fn override_method(head: &Parts) -> (bool, bool) {
    let posted = head.method == http::Method::POST;
    let header = |name: &str| head.headers.get(name).map(HeaderValue::as_bytes);
    match header("x-http-method-override") {
        Some(method)
            if posted
                && !method.is_empty()
                && header("content-type") == Some(b"application/x-www-form-urlencoded") =>
        {
            (method.eq_ignore_ascii_case(b"POST"), true)
        }
        _ => (posted, false),
    }
}

/// The deadline from `Grpc-Timeout` (grpc-gateway v2.29.0, runtime/context.go, `timeoutDecode`). No time at all means no
/// deadline. A negative one, also if that is due to an overflow as in Go, has passed.
fn deadline(headers: &HeaderMap) -> Result<Option<Instant>, Status> {
    let Some(value) = headers.get("grpc-timeout").filter(|v| !v.is_empty()) else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(value.as_bytes());
    let refused = || Status::invalid_argument(format!("invalid grpc-timeout: {text}"));
    let unit = text.chars().last().ok_or_else(refused)?;
    let count: i64 = text
        .strip_suffix(unit)
        .and_then(|count| count.parse().ok())
        .ok_or_else(refused)?;
    let nanoseconds: i64 = match unit {
        'H' => 3_600_000_000_000,
        'M' => 60_000_000_000,
        'S' => 1_000_000_000,
        'm' => 1_000_000,
        'u' => 1_000,
        'n' => 1,
        _ => return Err(refused()),
    };
    let timeout = nanoseconds.wrapping_mul(count);
    if timeout == 0 {
        return Ok(None);
    }
    let timeout = Duration::from_nanos(u64::try_from(timeout).unwrap_or(0));
    Ok(Instant::now().checked_add(timeout))
}

/// The headers that become metadata: `Authorization`, and those that begin with `Grpc-Metadata-`.
///
/// # Errors
/// A header cannot become metadata, with the codes and texts of grpc-gateway (v2.29.0, runtime/context.go,
/// `annotateContext`) and of the gRPC client behind it.
fn metadata(headers: &HeaderMap) -> Result<HeaderMap, Status> {
    let mut metadata = HeaderMap::new();
    for (name, value) in headers {
        let printable = value
            .as_bytes()
            .iter()
            .all(|byte| matches!(byte, b' '..=b'~'));
        let name = match name.as_str().strip_prefix("grpc-metadata-") {
            Some("") => return Err(Status::internal("there is an empty key in the header")),
            Some(key) => {
                check_binary(name.as_str(), value.as_bytes())?;
                match HeaderName::try_from(key) {
                    Ok(key) if printable => key,
                    _ => continue,
                }
            }
            None if *name == header::AUTHORIZATION && printable => name.clone(),
            None if *name == header::AUTHORIZATION => {
                return Err(Status::internal(
                    "header key \"authorization\" contains value with non-printable ASCII characters",
                ));
            }
            None => continue,
        };
        metadata.append(name, value.clone());
    }
    Ok(metadata)
}

/// Rejects a header whose name ends in `-bin` and whose value is not base64.
fn check_binary(name: &str, value: &[u8]) -> Result<(), Status> {
    if !name.ends_with("-bin") {
        return Ok(());
    }
    binary_metadata(value).map_err(|why| {
        // Go writes the names of headers with capital letters.
        let words = name.split('-').map(|word| {
            let (first, rest) = word.split_at(word.len().min(1));
            first.to_ascii_uppercase() + rest
        });
        let name = words.collect::<Vec<_>>().join("-");
        Status::invalid_argument(format!("invalid binary header {name}: {why}"))
    })
}

/// The JSON values in a request body.
struct Values<B> {
    body: B,
    reader: json::Reader,
    ended: bool,
    /// Maximum size of a value in bytes.
    limit: usize,
}

impl<B> Values<B>
where
    B: http_body::Body<Data = Bytes> + Unpin,
    B::Error: std::error::Error + 'static,
{
    /// The text of the next value; `None` at the end of the body.
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Status> {
        loop {
            let value = self.reader.next(self.ended);
            if let Some(value) = value.map_err(Status::invalid_argument)? {
                return Ok(Some(value));
            }
            if self.ended {
                return Ok(None);
            }
            // If a long value arrives in many pieces, parse it again only when the amount has doubled or when it may be
            // complete.
            let enough = self.reader.len().saturating_mul(2);
            loop {
                self.read_more().await?;
                if self.ended || self.reader.len() >= enough || self.reader.may_be_whole() {
                    break;
                }
            }
        }
    }

    async fn read_more(&mut self) -> Result<(), Status> {
        match self.body.frame().await {
            None => self.ended = true,
            Some(Err(e)) => return Err(Status::invalid_argument(unreadable(&e))),
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    self.reader.push(&data);
                }
            }
        }
        if self.reader.len() > self.limit {
            let (have, limit) = (self.reader.len(), self.limit);
            return Err(Status::resource_exhausted(format!(
                "grpc: received message larger than max ({have} vs. {limit})"
            )));
        }
        Ok(())
    }
}

/// Why a body could not be read to its end.
fn unreadable(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    match cause.downcast_ref::<std::io::Error>() {
        Some(io) if io.kind() == std::io::ErrorKind::UnexpectedEof => "unexpected EOF".into(),
        _ => cause.to_string(),
    }
}

async fn encode(request: MessageId, value: Vec<u8>) -> Result<Vec<u8>, Status> {
    let small = value.len() < heavy::LARGE && !json::is_deep(&value);
    let encode = move || json::encode(request, &value);
    let encoded = if small {
        encode()
    } else {
        heavy::run(encode).await.ok_or_else(stopped)?
    };
    encoded.map_err(Status::invalid_argument)
}

fn stopped() -> Status {
    crate::server::error::Error::Stopped.into()
}

async fn print(answer: MessageId, message: Bytes) -> Result<Vec<u8>, Status> {
    let small = message.len() < heavy::LARGE;
    let print = move || {
        // Base64 needs a third more than the bytes. A growing buffer would need up to three times as much.
        let mut json = Vec::with_capacity(message.len() + message.len() / 2);
        let printed = json::print(answer, &message, &mut json);
        printed.map(|()| json)
    };
    let printed = if small {
        print()
    } else {
        heavy::run(print).await.ok_or_else(stopped)?
    };
    printed.map_err(|_| Status::internal("the response is not of the type that is described"))
}

/// Converts every value of the body to a gRPC message. The stream of messages ends with the body, or with a value that is
/// rejected, which ends the call with an error. (After such a value, etcd continues with what it received before.)
fn requests<B>(
    mut values: Values<B>,
    request: MessageId,
) -> impl http_body::Body<Data = Bytes, Error = Status> + Send + Unpin + 'static
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: std::error::Error + 'static,
{
    let (sender, messages) = mpsc::channel(1);
    tokio::spawn(async move {
        loop {
            let value = tokio::select! {
                // The call has ended.
                () = sender.closed() => return,
                value = values.next() => value,
            };
            let message = match value {
                Ok(None) => return,
                Ok(Some(value)) => encode(request, value).await,
                Err(refused) => Err(refused),
            };
            let ended = message.is_err();
            let frame = message.map(|message| Frame::data(framed(&message)));
            if sender.send(frame).await.is_err() || ended {
                return;
            }
        }
    });
    StreamBody::new(ReceiverStream::new(messages))
}

/// A stream of messages as lines `{"result": ...}`. An error is the last line, `{"error": ...}`; if it is the only
/// line, it also determines the HTTP status.
async fn responses(body: Body, answer: MessageId) -> Result<Response<Body>, Status> {
    let mut messages = Messages {
        body,
        waiting: BytesMut::new(),
    };
    let first = match messages.next().await {
        Ok(first) => first,
        Err(status) => {
            let mut response = with_type("application/json", error_line(&status).into());
            *response.status_mut() = http_status(status.code());
            return Ok(response);
        }
    };
    let (sender, lines) = mpsc::channel(1);
    tokio::spawn(async move {
        let mut next = Ok(first);
        loop {
            let line = match next {
                Ok(None) => return,
                Ok(Some(message)) => print(answer, message)
                    .await
                    .map(|json| [b"{\"result\":", &json[..], b"}\n"].concat()),
                Err(status) => Err(status),
            };
            let ended = line.is_err();
            let line = line.unwrap_or_else(|status| error_line(&status));
            if sender.send(Bytes::from(line)).await.is_err() || ended {
                return;
            }
            next = tokio::select! {
                // The client has gone away.
                () = sender.closed() => return,
                next = messages.next() => next,
            };
        }
    });
    let body = Body::plain_stream(lines);
    Ok(success(with_body("application/json", body)))
}

/// The messages in the body of a gRPC response.
struct Messages {
    body: Body,
    waiting: BytesMut,
}

impl Messages {
    /// The next message; `None` at the end of a successful call. Cancel-safe.
    async fn next(&mut self) -> Result<Option<Bytes>, Status> {
        loop {
            if let Some(message) = self.take() {
                return Ok(Some(message));
            }
            let frame = match self.body.frame().await {
                None => return Ok(None),
                Some(Ok(frame)) => frame,
                Some(Err(never)) => match never {},
            };
            match frame.into_data() {
                Ok(data) => self.waiting.extend_from_slice(&data),
                Err(frame) => {
                    let end = frame.trailers_ref().and_then(Status::from_header_map);
                    if let Some(status) = end.filter(|status| status.code() != Code::Ok) {
                        return Err(status);
                    }
                }
            }
        }
    }

    fn take(&mut self) -> Option<Bytes> {
        let (prefix, rest) = self.waiting.split_first_chunk::<PREFIX>()?;
        let [_, length @ ..] = *prefix;
        let length = u32::from_be_bytes(length) as usize;
        if rest.len() < length {
            return None;
        }
        self.waiting.advance(PREFIX);
        Some(self.waiting.split_to(length).freeze())
    }
}

fn error_json(status: &Status) -> serde_json::Value {
    serde_json::json!({"code": i32::from(status.code()), "message": status.message()})
}

fn error_line(status: &Status) -> Vec<u8> {
    format!("{{\"error\":{}}}\n", error_json(status)).into_bytes()
}

fn success(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().insert(
        "grpc-metadata-content-type",
        HeaderValue::from_static("application/grpc"),
    );
    response
}

fn refusal(status: &Status) -> Response<Body> {
    let body = error_json(status).to_string();
    let mut response = with_type("application/json", body.into());
    *response.status_mut() = http_status(status.code());
    if status.code() == Code::Unauthenticated
        && let Ok(text) = HeaderValue::try_from(status.message())
    {
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, text);
    }
    response
}

/// The gateway's mapping of gRPC codes (grpc-gateway v2, runtime/errors.go).
fn http_status(code: Code) -> StatusCode {
    let number = match code {
        Code::Ok => 200,
        Code::Cancelled => 499,
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => 400,
        Code::Unauthenticated => 401,
        Code::PermissionDenied => 403,
        Code::NotFound => 404,
        Code::AlreadyExists | Code::Aborted => 409,
        Code::ResourceExhausted => 429,
        Code::Unimplemented => 501,
        Code::Unavailable => 503,
        Code::DeadlineExceeded => 504,
        Code::Unknown | Code::Internal | Code::DataLoss => 500,
    };
    StatusCode::from_u16(number).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_of_the_gateway_is_described() {
        for method in Method::ALL {
            if !method.row().gateway.is_empty() {
                types(*method).unwrap();
            }
        }
    }

    #[test]
    fn a_timeout_is_read_and_metadata_is_chosen() {
        let headers = |pairs: &[(&'static str, &str)]| -> HeaderMap {
            let pair = |(name, value): &(&'static str, &str)| {
                (HeaderName::from_static(name), value.parse().unwrap())
            };
            pairs.iter().map(pair).collect()
        };
        assert!(deadline(&headers(&[])).unwrap().is_none());
        assert!(
            deadline(&headers(&[("grpc-timeout", "5S")]))
                .unwrap()
                .is_some()
        );
        for none in ["0S", "-0n"] {
            let deadline = deadline(&headers(&[("grpc-timeout", none)]));
            assert_eq!(deadline.unwrap(), None, "{none}");
        }
        // The third one overflows.
        for passed in ["-5S", "-1n", "99999999H"] {
            let deadline = deadline(&headers(&[("grpc-timeout", passed)]));
            assert!(deadline.unwrap().unwrap() <= Instant::now(), "{passed}");
        }
        for bad in ["5", "S", "5x", "9223372036854775808n"] {
            let refused = deadline(&headers(&[("grpc-timeout", bad)])).unwrap_err();
            assert_eq!(refused.message(), format!("invalid grpc-timeout: {bad}"));
        }
        let metadata = metadata(&headers(&[
            ("authorization", "t"),
            ("grpc-metadata-token", "u"),
            ("token", "v"),
            ("cookie", "c"),
        ]))
        .unwrap();
        assert_eq!(metadata.len(), 2);
        assert_eq!(metadata["token"], "u");
        let refused = super::metadata(&headers(&[("grpc-metadata-x-y-bin", "YQ=")])).unwrap_err();
        assert_eq!(
            refused.message(),
            "invalid binary header Grpc-Metadata-X-Y-Bin: illegal base64 data at input byte 2"
        );
    }
}
