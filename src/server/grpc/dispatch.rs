//! Converts an HTTP/2 request to the response of a gRPC method, including everything that is common to all methods:
//! request headers, deadline, metrics, and how errors are sent. Errors are those of grpc-go.

use std::{sync::Arc, time::Instant};

use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use tokio::time::timeout_at;
use tonic::Status;

use super::{
    body::{Body, put_status},
    call::{Call, deadline_exceeded},
    encoding::Encoding,
    head::{self, Refusal},
    message::Messages,
    methods::{self, Method, MethodType, unknown},
    request_body::RequestBody,
    services::Services,
};
use crate::server::{
    auth::Identity,
    context::{Peer, RequestContext},
    error::Error,
};

/// Answers a gRPC request received over HTTP/2. Never fails: errors are in the status of the response. With TLS
/// (`secure`), etcd's gRPC is a handler of Go's HTTP server, which rejects invalid headers with other texts.
pub async fn dispatch(
    services: &Arc<Services>,
    peer: Peer,
    secure: bool,
    request: Request<Incoming>,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let content_type = head::response_content_type(&parts.headers);
    let head = match head::check(&parts) {
        Ok(head) => head,
        Err(refusal) if secure && refusal.http != StatusCode::OK => return refusal.plain(),
        Err(refusal) => return refuse(refusal, content_type),
    };
    // A path with a query is not the name of a method.
    let path = (parts.uri.path_and_query()).map_or(parts.uri.path(), |path| path.as_str());
    let Some(method) = Method::find(path) else {
        return refuse(unknown(path).into(), content_type);
    };
    let encoding = match Encoding::of(&parts.headers) {
        Ok(encoding) => encoding,
        Err(status) => return refuse(status.into(), content_type),
    };
    let context = RequestContext {
        peer,
        identity: Identity::Nobody,
        deadline: head.deadline,
        metadata: parts.headers,
    };
    let body = RequestBody::Received(body);
    match answer(services, method, context, body, encoding).await {
        Ok(body) => {
            let mut response = Response::new(body);
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_TYPE, content_type);
            if let Some(name) = encoding.name() {
                headers.insert("grpc-encoding", HeaderValue::from_static(name));
            }
            response
        }
        Err(status) => refuse(status.into(), content_type),
    }
}

/// Answers a request that did not arrive over gRPC. `body`, and the body of the response, contain messages with gRPC's
/// framing.
///
/// # Errors
/// The error of the method.
pub async fn local(
    services: &Arc<Services>,
    method: Method,
    context: RequestContext,
    body: RequestBody,
) -> Result<Body, Status> {
    answer(services, method, context, body, Encoding::Identity).await
}

async fn answer(
    services: &Arc<Services>,
    method: Method,
    context: RequestContext,
    body: RequestBody,
    encoding: Encoding,
) -> Result<Body, Status> {
    let deadline = context.deadline;
    let handling = services.metrics.grpc.start(method as usize, deadline);
    let unary = method.row().kind == MethodType::Unary;
    if let Err(refused) = check_metadata(services, unary, &context.metadata) {
        handling.end(refused.code());
        return Err(refused.into());
    }
    let call = Call {
        context,
        request: Messages::new(body, method, encoding, services.receive_limit()),
        encoding,
        handling,
    };
    let answer = methods::answer(services, method, call);
    match deadline {
        None => answer.await,
        // Timers have a granularity of milliseconds, and poll once before they expire.
        Some(at) if at <= Instant::now() => Err(deadline_exceeded()),
        // A stream that has started observes the deadline itself.
        Some(at) => timeout_at(at.into(), answer)
            .await
            .unwrap_or_else(|_| Err(deadline_exceeded())),
    }
}

/// Checks the metadata like etcd before any method (etcd v3.7.1, server/etcdserver/api/v3rpc/interceptor.go): the
/// client's version must be text. `hasleader` requires a leader, which a single member always has.
fn check_metadata(services: &Services, unary: bool, headers: &HeaderMap) -> Result<(), Error> {
    let version = match headers.get("client-api-version") {
        Some(version) => {
            std::str::from_utf8(version.as_bytes()).map_err(|_| Error::InvalidClientAPIVersion)?
        }
        None => "unknown",
    };
    services.metrics.grpc.client(unary, version);
    Ok(())
}

fn refuse(refusal: Refusal, content_type: HeaderValue) -> Response<Body> {
    let mut response = Response::new(Body::default());
    *response.status_mut() = refusal.http;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, content_type);
    put_status(&refusal.status, headers);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The size of the future that a function returns.
    fn size_of_future<A, B, C, D, F: Future>(_: fn(A, B, C, D) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn the_future_of_a_request_is_small() {
        // It is moved when it starts, and an open stream keeps its memory.
        let size = size_of_future(|services, peer, secure, request| {
            dispatch(services, peer, secure, request)
        });
        assert!(size <= 4096, "{size} bytes");
    }
}
