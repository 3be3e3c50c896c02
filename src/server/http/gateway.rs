//! The JSON gateway: a request under `/v3/` is the protobuf request written as JSON, and so is its
//! answer (protobuf's JSON mapping; names as in `proto/`, as etcd v3.7.1 writes them). It calls the same
//! methods as gRPC does and knows nothing of what they mean.

use std::sync::{Arc, LazyLock};

use bytes::{Buf as _, Bytes, BytesMut};
use http::{HeaderValue, Response, StatusCode, request::Parts};
use http_body_util::{BodyExt as _, Full, Limited};
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, SerializeOptions};
use tokio::sync::mpsc;
use tonic::{Code, Status};

use super::route::with_type;
use crate::{
    proto,
    server::{
        auth::Identity,
        context::{Peer, RequestContext},
        grpc::{Body, Kind, Method, PREFIX, Row, Services, framed, local},
    },
};

/// Messages by name; read when the first request comes.
static POOL: LazyLock<Option<DescriptorPool>> =
    LazyLock::new(|| DescriptorPool::decode(proto::DESCRIPTORS).ok());

/// Answers one request; `below` is its path below `/v3/`, or below `/v3beta/` as some old clients have it.
pub async fn gateway<B>(
    services: &Arc<Services>,
    peer: Peer,
    head: &Parts,
    below: &str,
    body: B,
) -> Response<Body>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    match call(services, peer, head, below, body).await {
        Ok(response) => response,
        Err(status) => refusal(&status),
    }
}

async fn call<B>(
    services: &Arc<Services>,
    peer: Peer,
    head: &Parts,
    below: &str,
    body: B,
) -> Result<Response<Body>, Status>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let method = Method::at_gateway(below).ok_or_else(|| Status::not_found("Not Found"))?;
    if head.method != http::Method::POST {
        return Err(Status::unimplemented("Method Not Allowed"));
    }
    let (request, answer) = types(method)?;
    // Base64 and names make the request longer than its encoding.
    let limit = services.receive_limit().saturating_mul(2);
    let json = Limited::new(body, limit)
        .collect()
        .await
        .map_err(|e| Status::resource_exhausted(format!("request not read: {e}")))?
        .to_bytes();
    let message = parse(request, &json)?;
    let context = RequestContext {
        // As in etcd, a client certificate names nobody here: a token does.
        peer: Peer {
            common_name: None,
            ..peer
        },
        identity: Identity::Nobody,
        deadline: None,
        metadata: head.headers.clone(),
    };
    let body = local(services, method, context, Full::new(framed(&message))).await?;
    if method.row().kind != Kind::Unary {
        return Ok(stream(body, answer));
    }
    let whole = match body.collect().await {
        Ok(whole) => whole.to_bytes(),
        Err(never) => match never {},
    };
    let json = print(&answer, whole.get(PREFIX..).unwrap_or_default())?;
    Ok(success(with_type("application/json", json.into())))
}

/// Request and answer of a method.
fn types(method: Method) -> Result<(MessageDescriptor, MessageDescriptor), Status> {
    let Row { service, name, .. } = method.row();
    POOL.as_ref()
        .and_then(|pool| pool.get_service_by_name(service))
        .and_then(|s| s.methods().find(|m| m.name() == *name))
        .map(|m| (m.input(), m.output()))
        .ok_or_else(|| Status::internal(format!("{service}/{name} is not described")))
}

/// Fields that are not known are looked past, as etcd does.
fn parse(request: MessageDescriptor, json: &[u8]) -> Result<Vec<u8>, Status> {
    if json.iter().all(u8::is_ascii_whitespace) {
        return Ok(Vec::new());
    }
    let options = prost_reflect::DeserializeOptions::new().deny_unknown_fields(false);
    let mut from = serde_json::Deserializer::from_slice(json);
    let message = DynamicMessage::deserialize_with_options(request, &mut from, &options)
        .map_err(|e| Status::invalid_argument(e.to_string()))?;
    from.end()
        .map_err(|e| Status::invalid_argument(e.to_string()))?;
    Ok(message.encode_to_vec())
}

fn print(answer: &MessageDescriptor, message: &[u8]) -> Result<Vec<u8>, Status> {
    let message = DynamicMessage::decode(answer.clone(), message)
        .map_err(|e| Status::internal(e.to_string()))?;
    let options = SerializeOptions::new().use_proto_field_name(true);
    let mut json = Vec::new();
    let mut to = serde_json::Serializer::new(&mut json);
    message
        .serialize_with_options(&mut to, &options)
        .map_err(|e| Status::internal(e.to_string()))?;
    Ok(json)
}

/// A stream of messages as lines, each `{"result": ...}`; what goes wrong is the last: `{"error": ...}`.
fn stream(mut body: Body, answer: MessageDescriptor) -> Response<Body> {
    let (sender, lines) = mpsc::channel(2);
    let lines = Body::plain_stream(lines);
    tokio::spawn(async move {
        let mut waiting = BytesMut::new();
        let mut failed = None;
        while let Some(Ok(frame)) = body.frame().await {
            match frame.into_data() {
                Ok(data) => waiting.extend_from_slice(&data),
                Err(frame) => {
                    let end = frame.trailers_ref().and_then(Status::from_header_map);
                    failed = end.filter(|status| status.code() != Code::Ok);
                }
            }
            while let Some(message) = next(&mut waiting) {
                let line = match print(&answer, &message) {
                    Ok(json) => [b"{\"result\":", &json[..], b"}\n"].concat(),
                    Err(status) => error_line(&status),
                };
                if sender.send(line.into()).await.is_err() {
                    return;
                }
            }
        }
        if let Some(status) = failed {
            // The client may be gone.
            let _ = sender.send(error_line(&status).into()).await;
        }
    });
    let mut response = success(Response::new(lines));
    response.headers_mut().insert(
        http::header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response
}

/// Takes the first whole message off what has come.
fn next(waiting: &mut BytesMut) -> Option<Bytes> {
    let (prefix, rest) = waiting.split_first_chunk::<PREFIX>()?;
    let [_, length @ ..] = *prefix;
    let length = u32::from_be_bytes(length) as usize;
    if rest.len() < length {
        return None;
    }
    waiting.advance(PREFIX);
    Some(waiting.split_to(length).freeze())
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
    response
}

/// The gateway's mapping of gRPC's codes (grpc-gateway v2, runtime/errors.go).
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
    fn json_is_protobufs() {
        let (request, _) = types(Method::Range).unwrap();
        let encoded = parse(
            request.clone(),
            br#"{"key":"Zm9v","sort_order":"DESCEND","limit":"2","keysOnly":true,"bogus":1}"#,
        )
        .unwrap();
        let decoded = proto::etcdserverpb::RangeRequest::decode(&encoded[..]).unwrap();
        assert_eq!(decoded.key, "foo");
        assert_eq!(
            (decoded.limit, decoded.sort_order, decoded.keys_only),
            (2, 2, true)
        );
        assert_eq!(parse(request.clone(), b" ").unwrap(), [0u8; 0]);
        for bad in ["x", "{\"key\":5}", "{} {}", "[]", "{\"limit\":\"many\"}"] {
            let refusal = parse(request.clone(), bad.as_bytes()).unwrap_err();
            assert_eq!(refusal.code(), Code::InvalidArgument, "{bad}");
        }
        let (_, answer) = types(Method::Alarm).unwrap();
        let message = proto::etcdserverpb::AlarmResponse {
            header: None,
            alarms: vec![proto::etcdserverpb::AlarmMember {
                member_id: u64::MAX,
                alarm: 1,
            }],
        };
        let json = print(&answer, &message.encode_to_vec()).unwrap();
        assert_eq!(
            String::from_utf8(json).unwrap(),
            r#"{"alarms":[{"memberID":"18446744073709551615","alarm":"NOSPACE"}]}"#
        );
    }
}
