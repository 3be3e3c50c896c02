//! The table of methods: from a path to the function that answers it, with the checks that are the
//! same for all: metadata, deadline, size, and how a refusal goes out.

use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use tokio::{sync::watch, time::timeout};
use tonic::{Code, Status};

use super::{body::Body, deadline, message};
use crate::server::{config::Config, connection::Phase, core::Core, error::Error, http::Counters};

/// What every request of one server shares.
pub struct Services {
    pub core: Core,
    pub config: Config,
    /// Addresses for `member list`, where none were given.
    pub listening: parking_lot::RwLock<Vec<String>>,
    pub counters: Counters,
    /// Where the server is in its life.
    pub phase: watch::Receiver<Phase>,
}

/// etcd v3.7.1, server/config/config.go: what a message may hold besides the largest request.
const OVERHEAD: usize = 512 << 10;

impl Services {
    /// Largest message that is taken, in bytes.
    pub fn receive_limit(&self) -> usize {
        self.config.max_request_bytes.saturating_add(OVERHEAD)
    }
}

macro_rules! methods {
    ($($method:ident $service:literal $name:literal $kind:literal;)*) => {
        /// Every method that is answered.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Method { $($method,)* }

        impl Method {
            /// All of them: service, name, kind (as grpc-prometheus names it).
            pub const ALL: &[(&'static str, &'static str, &'static str)] =
                &[$(($service, $name, $kind),)*];

            /// The method of that path: `/SERVICE/NAME`.
            pub fn find(path: &str) -> Option<Method> {
                match path {
                    $(concat!("/", $service, "/", $name) => Some(Method::$method),)*
                    _ => None,
                }
            }
        }
    };
}

methods! {
    Range "etcdserverpb.KV" "Range" "unary";
    RangeStream "etcdserverpb.KV" "RangeStream" "server_stream";
    Put "etcdserverpb.KV" "Put" "unary";
    DeleteRange "etcdserverpb.KV" "DeleteRange" "unary";
    Txn "etcdserverpb.KV" "Txn" "unary";
    Compact "etcdserverpb.KV" "Compact" "unary";
    Alarm "etcdserverpb.Maintenance" "Alarm" "unary";
    Status "etcdserverpb.Maintenance" "Status" "unary";
    Defragment "etcdserverpb.Maintenance" "Defragment" "unary";
    Hash "etcdserverpb.Maintenance" "Hash" "unary";
    HashKv "etcdserverpb.Maintenance" "HashKV" "unary";
    Snapshot "etcdserverpb.Maintenance" "Snapshot" "server_stream";
    MoveLeader "etcdserverpb.Maintenance" "MoveLeader" "unary";
    Downgrade "etcdserverpb.Maintenance" "Downgrade" "unary";
    MemberAdd "etcdserverpb.Cluster" "MemberAdd" "unary";
    MemberRemove "etcdserverpb.Cluster" "MemberRemove" "unary";
    MemberUpdate "etcdserverpb.Cluster" "MemberUpdate" "unary";
    MemberList "etcdserverpb.Cluster" "MemberList" "unary";
    MemberPromote "etcdserverpb.Cluster" "MemberPromote" "unary";
    AuthStatus "etcdserverpb.Auth" "AuthStatus" "unary";
    Authenticate "etcdserverpb.Auth" "Authenticate" "unary";
    HealthCheck "grpc.health.v1.Health" "Check" "unary";
    HealthList "grpc.health.v1.Health" "List" "unary";
    HealthWatch "grpc.health.v1.Health" "Watch" "server_stream";
}

/// Services of etcd that come later; the text says so by name.
const ABSENT: &[(&str, &str)] = &[
    ("etcdserverpb.Watch", "watches are"),
    ("etcdserverpb.Lease", "leases are"),
    ("etcdserverpb.Auth", "auth is"),
    ("v3lockpb.Lock", "locks are"),
    ("v3electionpb.Election", "elections are"),
];

/// Answers one gRPC request. Never fails: what goes wrong is in the answer's status.
pub async fn dispatch<B>(services: Arc<Services>, request: Request<B>) -> Response<Body>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: std::fmt::Display,
{
    let arrived = Instant::now();
    let (parts, body) = request.into_parts();
    let Some(method) = Method::find(parts.uri.path()) else {
        return refuse(&unknown(parts.uri.path()));
    };
    services.counters.started(method);
    let deadline = match check_metadata(&parts.headers) {
        Ok(deadline) => deadline,
        Err(status) => {
            services.counters.handled(method, status.code());
            return refuse(&status);
        }
    };
    let call = call(&services, method, body, deadline);
    let answer = match deadline {
        None => call.await,
        // The timer counts in milliseconds and polls once before it looks.
        Some(limit) if arrived.elapsed() >= limit => Err(deadline::exceeded()),
        Some(limit) => timeout(limit, call)
            .await
            .unwrap_or_else(|_| Err(deadline::exceeded())),
    };
    match answer {
        Ok(body) => {
            services.counters.handled(method, Code::Ok);
            let mut response = Response::new(body);
            response.headers_mut().insert(
                http::header::CONTENT_TYPE,
                HeaderValue::from_static("application/grpc"),
            );
            response
        }
        Err(status) => {
            services.counters.handled(method, status.code());
            refuse(&status)
        }
    }
}

/// Answers a request that did not come over gRPC: `message` is the encoded request.
pub async fn local(
    services: &Arc<Services>,
    method: Method,
    message: &[u8],
) -> Result<Body, Status> {
    services.counters.started(method);
    let framed = http_body_util::Full::new(message::framed(message));
    let answer = call(services, method, framed, None).await;
    let code = answer.as_ref().map_or_else(Status::code, |_| Code::Ok);
    services.counters.handled(method, code);
    answer
}

async fn call<B>(
    s: &Arc<Services>,
    method: Method,
    body: B,
    deadline: Option<Duration>,
) -> Result<Body, Status>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: std::fmt::Display,
{
    let limit = s.receive_limit();
    match method {
        Method::Range => {
            let request = message::read(body, limit).await?;
            Ok(Body::encoded(s.range(request).await?))
        }
        Method::Put => unary(body, limit, |r| s.put(r)).await,
        Method::DeleteRange => unary(body, limit, |r| s.delete_range(r)).await,
        Method::Txn => unary(body, limit, |r| s.txn(r)).await,
        Method::Compact => unary(body, limit, |r| s.compact(r)).await,
        Method::Alarm => unary(body, limit, |r| s.alarm(r)).await,
        Method::Status => unary(body, limit, |r| s.status(r)).await,
        Method::Defragment => unary(body, limit, |r| s.defragment(r)).await,
        Method::Hash => unary(body, limit, |r| s.hash(r)).await,
        Method::HashKv => unary(body, limit, |r| s.hash_kv(r)).await,
        Method::MoveLeader => unary(body, limit, |r| s.move_leader(r)).await,
        Method::Downgrade => unary(body, limit, |r| s.downgrade(r)).await,
        Method::MemberAdd => unary(body, limit, |r| s.member_add(r)).await,
        Method::MemberRemove => unary(body, limit, |r| s.member_remove(r)).await,
        Method::MemberUpdate => unary(body, limit, |r| s.member_update(r)).await,
        Method::MemberList => unary(body, limit, |r| s.member_list(r)).await,
        Method::MemberPromote => unary(body, limit, |r| s.member_promote(r)).await,
        Method::AuthStatus => unary(body, limit, |r| s.auth_status(r)).await,
        Method::Authenticate => unary(body, limit, |r| s.authenticate(r)).await,
        Method::HealthCheck => unary(body, limit, |r| s.health_check(r)).await,
        Method::HealthList => unary(body, limit, |r| s.health_list(r)).await,
        Method::RangeStream => {
            let request = message::read(body, limit).await?;
            Ok(s.range_stream(request, deadline)?)
        }
        Method::Snapshot => {
            let _: crate::proto::etcdserverpb::SnapshotRequest = message::read(body, limit).await?;
            Ok(s.snapshot(deadline).await?)
        }
        Method::HealthWatch => {
            let request = message::read(body, limit).await?;
            Ok(s.health_watch(request, deadline))
        }
    }
}

async fn unary<B, Q, R, F>(
    body: B,
    limit: usize,
    answer: impl FnOnce(Q) -> F,
) -> Result<Body, Status>
where
    B: http_body::Body<Data = Bytes>,
    B::Error: std::fmt::Display,
    Q: prost::Message + Default,
    R: prost::Message,
    F: Future<Output = Result<R, Error>>,
{
    let request = message::read(body, limit).await?;
    let response = answer(request).await?;
    Ok(Body::message(message::frame(&response)))
}

/// What etcd looks at before any method: the client's version must be text. `hasleader` asks for a
/// leader, and a single member always has one.
fn check_metadata(headers: &HeaderMap) -> Result<Option<Duration>, Status> {
    if let Some(version) = headers.get("client-api-version")
        && std::str::from_utf8(version.as_bytes()).is_err()
    {
        return Err(Error::InvalidClientAPIVersion.into());
    }
    if let Some(encoding) = headers.get("grpc-encoding")
        && encoding != "identity"
    {
        return Err(Status::unimplemented(format!(
            "grpc: Decompressor is not installed for grpc-encoding {encoding:?}"
        )));
    }
    deadline::of(headers)
}

/// The refusal of a method that nobody answers, with grpc-go's texts.
pub fn unknown(path: &str) -> Status {
    let Some((service, method)) = path.strip_prefix('/').and_then(|p| p.rsplit_once('/')) else {
        return Status::unimplemented(format!("malformed method name: {path:?}"));
    };
    if let Some((_, what)) = ABSENT.iter().find(|(name, _)| *name == service) {
        return Status::unimplemented(format!("{what} not served yet: {service}/{method}"));
    }
    if Method::ALL.iter().any(|(name, ..)| *name == service) {
        return Status::unimplemented(format!("unknown method {method} for service {service}"));
    }
    Status::unimplemented(format!("unknown service {service}"))
}

fn refuse(status: &Status) -> Response<Body> {
    status.clone().into_http()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_method_is_told_from_one_that_comes_later() {
        let text = |path: &str| unknown(path).message().to_string();
        assert_eq!(
            text("/etcdserverpb.KV/Frob"),
            "unknown method Frob for service etcdserverpb.KV"
        );
        assert_eq!(text("/no.Such/Thing"), "unknown service no.Such");
        assert_eq!(text("nonsense"), "malformed method name: \"nonsense\"");
        assert!(text("/etcdserverpb.Lease/LeaseGrant").contains("leases are not served yet"));
    }

    #[test]
    fn a_path_finds_its_method() {
        assert_eq!(Method::find("/etcdserverpb.KV/Put"), Some(Method::Put));
        assert_eq!(Method::find("/etcdserverpb.KV/put"), None);
        assert_eq!(Method::ALL[Method::Put as usize].1, "Put");
    }

    #[test]
    fn compressed_requests_and_bad_versions_are_refused() {
        let with = |name: &'static str, value: &[u8]| {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_bytes(value).unwrap());
            check_metadata(&headers).map_err(|s| s.code())
        };
        assert_eq!(with("hasleader", b"true"), Ok(None));
        assert_eq!(with("client-api-version", b"3.7"), Ok(None));
        assert_eq!(
            with("client-api-version", b"\xff"),
            Err(Code::InvalidArgument)
        );
        assert_eq!(with("grpc-encoding", b"gzip"), Err(Code::Unimplemented));
        assert_eq!(
            with("grpc-timeout", b"5S"),
            Ok(Some(Duration::from_secs(5)))
        );
    }
}
