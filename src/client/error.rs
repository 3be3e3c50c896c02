//! The errors of requests, with the texts of etcd's Go client.

use tonic::{Code, Status};

use super::{
    cause::{Cause, Limit},
    endpoint::EndpointError,
    stream::StreamEnded,
};
use crate::proto::etcdserverpb as pb;

/// What is known about an endpoint that was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// As given.
    pub endpoint: String,
    /// Why the last attempt failed.
    pub cause: Cause,
}

/// A request that failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ClientError {
    /// The server answered with an error.
    #[error("{}", status_text(*.code, .message))]
    Status {
        /// gRPC code.
        code: Code,
        /// The server's text.
        message: String,
    },
    /// The deadline passed. Contains what is known about each endpoint.
    #[error("context deadline exceeded")]
    Deadline {
        /// The time limit.
        limit: Limit,
        /// One per endpoint that was tried, in order.
        attempts: Vec<Attempt>,
        /// Whether the request was sent and may have changed something.
        maybe_done: bool,
    },
    /// No endpoint can be used, and waiting would not help. Uses etcdctl's error text, which scripts know, although
    /// etcdctl waits for the timeout.
    #[error("context deadline exceeded")]
    Unreachable {
        /// One per endpoint, in order.
        attempts: Vec<Attempt>,
    },
    /// The connection broke during a request that must not be sent twice.
    #[error("rpc error: code = Unavailable desc = error reading from server: {}", .attempt.cause_text())]
    Broken {
        /// The endpoint and the cause.
        attempt: Attempt,
        /// Whether the request may have changed something.
        maybe_done: bool,
    },
    /// The request is larger than `--max-request-bytes`.
    #[error(
        "rpc error: code = ResourceExhausted desc = trying to send message larger than max ({size} vs. {limit})"
    )]
    SendLimit {
        /// Size of the encoded request in bytes.
        size: usize,
        /// Maximum size in bytes.
        limit: usize,
    },
    /// No endpoint was given.
    #[error("etcdclient: no available endpoints")]
    NoEndpoints,
    /// An endpoint is malformed.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// Another process has the embedded data directory open.
    #[error("{0}")]
    Locked(String),
    /// The server canceled a watch.
    #[error("{reason}")]
    WatchCancelled {
        /// The reason.
        reason: String,
        /// The server's last answer. If the start revision was compacted, it contains the oldest revision that can still be
        /// watched.
        answer: Box<pb::WatchResponse>,
    },
    /// No server renewed a lease before it expired.
    #[error("etcdserver: requested lease not found")]
    LeaseExpired {
        /// Id of the lease.
        id: i64,
    },
    /// A request could not be sent because the stream has ended; reading the stream returns the reason.
    #[error(transparent)]
    StreamEnded(#[from] StreamEnded),
    /// No endpoint can ever be used.
    #[error("{0}")]
    Permanent(String),
}

impl Attempt {
    fn cause_text(&self) -> String {
        match &self.cause {
            Cause::Broken(text) => text.clone(),
            other => other.to_string(),
        }
    }
}

impl ClientError {
    /// The error for a status that a server sent.
    pub fn from_status(status: &Status) -> ClientError {
        if let Some((size, limit)) = decode_limit(status) {
            return ClientError::Status {
                code: Code::ResourceExhausted,
                message: format!("grpc: received message larger than max ({size} vs. {limit})"),
            };
        }
        ClientError::Status {
            code: status.code(),
            message: status.message().to_owned(),
        }
    }

    /// The gRPC code, if the error has one.
    pub fn code(&self) -> Option<Code> {
        match self {
            ClientError::Status { code, .. } => Some(*code),
            ClientError::Deadline { .. } | ClientError::Unreachable { .. } => {
                Some(Code::DeadlineExceeded)
            }
            ClientError::Broken { .. } => Some(Code::Unavailable),
            ClientError::SendLimit { .. } => Some(Code::ResourceExhausted),
            _ => None,
        }
    }

    /// Whether a plain HTTP server answered, as reported by `http_response.rs`.
    pub fn is_not_grpc(&self) -> bool {
        matches!(self, ClientError::Status { message, .. }
            if message.starts_with("unexpected HTTP status code received from server")
                || message.starts_with("transport: received unexpected content-type")
                || message.starts_with("malformed header: missing HTTP content-type"))
    }

    /// Whether the server or this client timed out.
    pub fn is_timeout(&self) -> bool {
        matches!(self.code(), Some(Code::DeadlineExceeded | Code::Cancelled))
    }

    /// Whether the server answered with exactly this text.
    pub fn is(&self, text: &str) -> bool {
        matches!(self, ClientError::Status { message, .. } if message == text)
    }
}

/// etcd's own errors are shown without the code; any other status is shown like grpc-go does.
fn status_text(code: Code, message: &str) -> String {
    // After a timeout of the server, etcd's client retries until its deadline passes, and then reports the same text.
    let given_up = code == Code::DeadlineExceeded && message == "context deadline exceeded";
    if given_up || message.starts_with("etcdserver: ") {
        message.to_owned()
    } else {
        go_status(code, message)
    }
}

/// A gRPC status as Go prints it.
pub fn go_status(code: Code, message: &str) -> String {
    format!("rpc error: code = {} desc = {message}", code_name(code))
}

/// Go's names of the status codes (`Canceled` has one l).
pub fn code_name(code: Code) -> String {
    match code {
        Code::Ok => "OK".into(),
        Code::Cancelled => "Canceled".into(),
        other => format!("{other:?}"),
    }
}

/// Extracts both sizes from tonic's error about a response that is too large.
fn decode_limit(status: &Status) -> Option<(u64, u64)> {
    let text = status.message();
    if status.code() != Code::OutOfRange || !text.contains("decoded message length too large") {
        return None;
    }
    let mut numbers = text
        .split(|c: char| !c.is_ascii_digit())
        .filter_map(|n| n.parse().ok());
    Some((numbers.next()?, numbers.next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_those_of_the_go_client() {
        let text =
            |code, message: &str| ClientError::from_status(&Status::new(code, message)).to_string();
        assert_eq!(
            text(
                Code::OutOfRange,
                "etcdserver: mvcc: required revision has been compacted"
            ),
            "etcdserver: mvcc: required revision has been compacted"
        );
        assert_eq!(
            text(Code::Unimplemented, "no such thing"),
            "rpc error: code = Unimplemented desc = no such thing"
        );
        assert_eq!(
            text(Code::DeadlineExceeded, "context deadline exceeded"),
            "context deadline exceeded"
        );
        assert_eq!(
            text(Code::Cancelled, "gone"),
            "rpc error: code = Canceled desc = gone"
        );
        assert_eq!(
            ClientError::SendLimit {
                size: 19,
                limit: 10
            }
            .to_string(),
            "rpc error: code = ResourceExhausted desc = trying to send message larger than max (19 vs. 10)"
        );
    }
}
