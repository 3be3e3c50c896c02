//! The log line for a slow request, as written by etcd's interceptor and readers. It is built from a second decoding of
//! the request, so that a fast request costs only a look at the clock. The content of a request is shown only for the
//! four methods on keys, and never includes values. Source: etcd v3.7.1, server/etcdserver/api/v3rpc/interceptor.go,
//! `logUnaryRequestStats`, and server/etcdserver/txn/util.go.

use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use prost::Message as _;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tracing::{debug, warn};

use super::{methods::Method, services::Services};
use crate::{
    golang::format,
    proto::etcdserverpb as pb,
    server::{
        config::LogLevel,
        context::{PeerAddress, RequestContext},
        error::Error,
        loggable,
        mvcc::{encoded::Encoded, txn},
    },
};

/// A request in progress.
pub(super) struct Watched {
    method: Method,
    request: Bytes,
    remote: PeerAddress,
    since: Instant,
}

/// The logged properties of a response.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Answered {
    /// Number of keys found or deleted; for a transaction 1 if its compares were true.
    pub count: i64,
    /// Number of keys in the response.
    pub keys: usize,
    /// Encoded size in bytes.
    pub size: usize,
}

/// A response whose properties can be logged.
pub(super) trait Describe {
    fn describe(&self) -> Answered;
}

impl Describe for Encoded {
    fn describe(&self) -> Answered {
        Answered {
            count: self.count,
            keys: self.keys,
            size: self.message_len(),
        }
    }
}

/// Any other message. Only a deletion counts keys; the count is read from its encoding.
impl<M: prost::Message> Describe for M {
    fn describe(&self) -> Answered {
        let deleted = pb::DeleteRangeResponse::decode(&self.encode_to_vec()[..]);
        Answered {
            count: deleted.map_or(0, |answer| answer.deleted),
            keys: 0,
            size: self.encoded_len(),
        }
    }
}

impl Watched {
    pub fn new(method: Method, request: Bytes, context: &RequestContext) -> Watched {
        Watched {
            method,
            request,
            remote: context.peer.address,
            since: Instant::now(),
        }
    }

    /// Logs the request if it was slow.
    pub fn answered<A: Describe>(self, services: &Services, answer: &Result<A, Error>) {
        let config = &services.config;
        let took = self.since.elapsed();
        let is_slow = took > config.warning_unary_request_duration;
        let everything = config.log_level == LogLevel::Debug;
        let is_slow_read = took > config.warning_apply_duration;
        if !is_slow_read && !is_slow && !everything {
            return;
        }
        let answered = answer.as_ref().map(Describe::describe);
        if is_slow_read {
            self.log_read(services, took, answered);
        }
        if is_slow || everything {
            self.log_stats(took, everything, answered.unwrap_or_default());
        }
    }

    /// Logs a slow read. Writes are logged where they are applied.
    fn log_read(&self, services: &Services, took: Duration, answered: Result<Answered, &Error>) {
        let (prefix, request, response) = match self.method {
            Method::Range => {
                let Ok(r) = pb::RangeRequest::decode(self.request.clone()) else {
                    return;
                };
                let response = answered.map(|Answered { keys, size, .. }| {
                    format!("range_response_count:{keys} size:{size}")
                });
                ("read-only range ", loggable::range(&r), response)
            }
            Method::Txn => {
                let Ok(r) = pb::TxnRequest::decode(self.request.clone()) else {
                    return;
                };
                if !txn::is_read_only(&r) {
                    return;
                }
                let response = answered.map(|answered| format!("size:{}", answered.size));
                ("read-only txn ", loggable::txn(&r), response)
            }
            _ => return,
        };
        services.metrics.store.slow_applies.inc();
        let expected = format::duration(services.config.warning_apply_duration);
        let took = format::duration(took);
        match response {
            Ok(response) => warn!(
                took,
                "expected-duration" = expected,
                prefix,
                request,
                response,
                "apply request took too long"
            ),
            Err(error) => warn!(
                took,
                "expected-duration" = expected,
                prefix,
                request,
                response = "",
                %error,
                "apply request took too long"
            ),
        }
    }

    fn log_stats(&self, took: Duration, as_debug: bool, answered: Answered) {
        let (asked, request_size, content) = self.request_stats(answered.count);
        // etcd shows numbers only for these methods.
        let (responses, response_size) = match self.method {
            Method::Range | Method::DeleteRange => (answered.count, bytes(answered.size)),
            Method::Put | Method::Txn => (0, bytes(answered.size)),
            _ => (-1, -1),
        };
        let began = OffsetDateTime::from(SystemTime::now() - took);
        let began = began.format(&Rfc3339).unwrap_or_default();
        let remote = match self.remote {
            PeerAddress::Tcp(address) => address.to_string(),
            PeerAddress::Unix => "@".into(),
            PeerAddress::InProcess => "No remote client info.".into(),
        };
        let row = self.method.row();
        let name = format!("/{}/{}", row.service, row.name);
        macro_rules! line {
            ($level:ident) => {
                $level!(
                    "start time" = began,
                    "time spent" = format::duration(took),
                    remote,
                    "response type" = name,
                    "request count" = asked,
                    "request size" = request_size,
                    "response count" = responses,
                    "response size" = response_size,
                    "request content" = content,
                    "request stats"
                )
            };
        }
        match as_debug {
            true => line!(debug),
            false => line!(warn),
        }
    }

    /// Number of operations, size in bytes and text of the request; -1 and empty where etcd logs nothing.
    fn request_stats(&self, count: i64) -> (i64, i64, String) {
        let request = self.request.clone();
        let size = bytes(request.len());
        let shown = match self.method {
            Method::Range => pb::RangeRequest::decode(request)
                .ok()
                .map(|r| (0, size, loggable::range(&r))),
            Method::Put => pb::PutRequest::decode(request)
                .ok()
                .map(|r| (1, size, loggable::put(&r))),
            Method::DeleteRange => pb::DeleteRangeRequest::decode(request)
                .ok()
                .map(|r| (0, size, loggable::delete_range(&r))),
            Method::Txn => pb::TxnRequest::decode(request).ok().map(|r| {
                // The operations that were executed.
                let ops = if count == 1 { &r.success } else { &r.failure };
                let size = ops.iter().map(prost::Message::encoded_len).sum();
                let number = i64::try_from(ops.len()).unwrap_or(i64::MAX);
                (number, bytes(size), loggable::txn(&r))
            }),
            _ => None,
        };
        shown.unwrap_or((-1, -1, String::new()))
    }
}

fn bytes(size: usize) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}
