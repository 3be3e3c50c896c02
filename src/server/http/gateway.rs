//! The JSON gateway: a request under `/v3/` is the protobuf request written as JSON, and so is its
//! answer (protobuf's JSON mapping; names as in `proto/`, as etcd v3.7.1 writes them). It calls the same
//! methods as gRPC does and knows nothing of what they mean.

use std::sync::{Arc, LazyLock};

use bytes::{Buf as _, Bytes, BytesMut};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, SerializeOptions};
use tonic::{Code, Status};

use super::route::with_type;
use crate::{
    proto,
    server::grpc::{Body, Method, PREFIX, Services, local, unknown},
};

/// Paths below `/v3/` and what they call.
const PATHS: &[(&str, &str)] = &[
    ("kv/range", "/etcdserverpb.KV/Range"),
    ("kv/put", "/etcdserverpb.KV/Put"),
    ("kv/deleterange", "/etcdserverpb.KV/DeleteRange"),
    ("kv/txn", "/etcdserverpb.KV/Txn"),
    ("kv/compaction", "/etcdserverpb.KV/Compact"),
    ("maintenance/alarm", "/etcdserverpb.Maintenance/Alarm"),
    ("maintenance/status", "/etcdserverpb.Maintenance/Status"),
    (
        "maintenance/defragment",
        "/etcdserverpb.Maintenance/Defragment",
    ),
    ("maintenance/hash", "/etcdserverpb.Maintenance/Hash"),
    ("maintenance/hashkv", "/etcdserverpb.Maintenance/HashKV"),
    ("maintenance/snapshot", "/etcdserverpb.Maintenance/Snapshot"),
    (
        "maintenance/transfer-leadership",
        "/etcdserverpb.Maintenance/MoveLeader",
    ),
    (
        "maintenance/downgrade",
        "/etcdserverpb.Maintenance/Downgrade",
    ),
    ("cluster/member/add", "/etcdserverpb.Cluster/MemberAdd"),
    (
        "cluster/member/remove",
        "/etcdserverpb.Cluster/MemberRemove",
    ),
    (
        "cluster/member/update",
        "/etcdserverpb.Cluster/MemberUpdate",
    ),
    ("cluster/member/list", "/etcdserverpb.Cluster/MemberList"),
    (
        "cluster/member/promote",
        "/etcdserverpb.Cluster/MemberPromote",
    ),
    ("auth/status", "/etcdserverpb.Auth/AuthStatus"),
    ("auth/authenticate", "/etcdserverpb.Auth/Authenticate"),
];

/// Beginnings of paths whose services come later.
const LATER: &[(&str, &str)] = &[
    ("watch", "/etcdserverpb.Watch/Watch"),
    ("lease/", "/etcdserverpb.Lease/Lease"),
    ("kv/lease/", "/etcdserverpb.Lease/Lease"),
    ("auth/", "/etcdserverpb.Auth/Auth"),
    ("lock/", "/v3lockpb.Lock/Lock"),
    ("election/", "/v3electionpb.Election/Election"),
];

/// Messages by name; read when the first request comes.
static POOL: LazyLock<Option<DescriptorPool>> =
    LazyLock::new(|| DescriptorPool::decode(proto::DESCRIPTORS).ok());

/// Answers one request; `below` is its path below `/v3/`, or below `/v3beta/` as some old clients have it.
pub async fn gateway<B>(
    services: &Arc<Services>,
    http_method: &http::Method,
    below: &str,
    body: B,
) -> Response<Body>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    match call(services, http_method, below, body).await {
        Ok(response) => response,
        Err(status) => refusal(&status),
    }
}

async fn call<B>(
    services: &Arc<Services>,
    http_method: &http::Method,
    below: &str,
    body: B,
) -> Result<Response<Body>, Status>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let Some((_, grpc)) = PATHS.iter().find(|(p, _)| *p == below) else {
        return Err(match LATER.iter().find(|(p, _)| below.starts_with(p)) {
            Some((_, grpc)) => unknown(grpc),
            None => Status::not_found("Not Found"),
        });
    };
    if http_method != http::Method::POST {
        return Err(Status::unimplemented("Method Not Allowed"));
    }
    let method = Method::find(grpc).ok_or_else(|| unknown(grpc))?;
    let (request, answer) = types(method)?;
    // Base64 and names make the request longer than its encoding.
    let limit = services.receive_limit().saturating_mul(2);
    let json = Limited::new(body, limit)
        .collect()
        .await
        .map_err(|e| Status::resource_exhausted(format!("request not read: {e}")))?
        .to_bytes();
    let message = parse(request, &json)?;
    let body = local(services, method, &message).await?;
    if method == Method::Snapshot {
        return Ok(stream(services, body, answer));
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
    let (service, name, _) = Method::ALL[method as usize];
    POOL.as_ref()
        .and_then(|pool| pool.get_service_by_name(service))
        .and_then(|s| s.methods().find(|m| m.name() == name))
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
fn stream(services: &Services, mut body: Body, answer: MessageDescriptor) -> Response<Body> {
    let (sender, lines) = Body::stream(services.config.stream_stall, None);
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
        if let Some(status) = failed
            && sender.send(error_line(&status).into()).await.is_err()
        {
            return;
        }
        sender.end(Ok(())).await;
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
    fn every_path_calls_a_method_that_is_described() {
        for (path, grpc) in PATHS {
            let method = Method::find(grpc).unwrap_or_else(|| panic!("{path}: no {grpc}"));
            types(method).unwrap_or_else(|e| panic!("{path}: {e}"));
        }
        for (path, grpc) in LATER {
            assert!(unknown(grpc).message().contains("not served yet"), "{path}");
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
