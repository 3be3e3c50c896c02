//! Classifies failed calls: an error from the server, a request that the server cannot have processed, or a broken
//! connection. Codes and texts are those of grpc-go (internal/transport/http2_client.go). Does not decide about
//! retries.

use std::error::Error;

use h2::Reason;
use tonic::{Code, Status};

use super::{cause::Cause, connection, connection::Connection, error::ClientError};

/// How a request failed below gRPC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FailureKind {
    /// It never left this process.
    NotSent,
    /// The server sent GOAWAY and will not process this request.
    Draining,
    /// The server reset the stream.
    Reset(Reason),
    /// The connection broke, or the server violated HTTP/2.
    Broken,
}

/// An error below gRPC: the request received no response.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct Transport {
    kind: FailureKind,
    text: String,
}

impl Transport {
    /// The request never left this process.
    pub fn not_sent(text: String) -> Transport {
        let kind = FailureKind::NotSent;
        Transport { kind, text }
    }

    /// The connection broke during the request.
    pub fn broken(text: String) -> Transport {
        let kind = FailureKind::Broken;
        Transport { kind, text }
    }

    /// What the server said about the stream; `None` if the whole connection broke.
    pub fn of_hyper(error: &hyper::Error) -> Option<Transport> {
        let kind = kind_of_hyper(error);
        let text = connection::text(error);
        (kind != FailureKind::Broken).then_some(Transport { kind, text })
    }
}

fn kind_of_hyper(error: &hyper::Error) -> FailureKind {
    let mut source: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = source {
        if let Some(h2) = error.downcast_ref::<h2::Error>() {
            return match h2.reason() {
                // GOAWAY ends only those streams that the server has not processed.
                _ if h2.is_go_away() && h2.is_remote() => FailureKind::Draining,
                Some(reason) if h2.is_reset() && h2.is_remote() => FailureKind::Reset(reason),
                _ => FailureKind::Broken,
            };
        }
        source = error.source();
    }
    FailureKind::Broken
}

/// A failed call.
#[derive(Clone, Debug)]
pub enum Failure {
    /// The server cannot have processed it: any request may be sent again.
    Unprocessed(Unprocessed),
    /// The connection broke, and whether the server processed the request is unknown.
    Broken(Cause),
    /// The stream ended without a gRPC status: it was reset, cut off, or answered in plain HTTP. Whether the server
    /// processed the request is unknown.
    Aborted(ClientError),
    /// The server returned an error.
    Answered(ClientError),
}

/// Why the server cannot have processed a request.
#[derive(Clone, Debug)]
pub enum Unprocessed {
    /// The connection broke before the request left this process.
    NotSent(Cause),
    /// The server said so.
    Refused(ClientError),
}

impl Failure {
    /// The meaning of `status`, with which a call over `connection` ended.
    pub fn of(status: &Status, connection: &Connection) -> Failure {
        let kind = match kind_of(status) {
            None => {
                let error = ClientError::from_status(status);
                return if error.is_not_grpc() || is_cut_short(status) {
                    Failure::Aborted(error)
                } else {
                    Failure::Answered(error)
                };
            }
            Some(kind) => kind,
        };
        let refused = |code, message: String| ClientError::Status { code, message };
        match kind {
            FailureKind::NotSent => {
                Failure::Unprocessed(Unprocessed::NotSent(connection.broken(status.message())))
            }
            FailureKind::Draining => Failure::Unprocessed(Unprocessed::Refused(refused(
                Code::Unavailable,
                "the stream is rejected because server is draining the connection".into(),
            ))),
            FailureKind::Reset(reason) => {
                let text = format!(
                    "stream terminated by RST_STREAM with error code: {}",
                    reason_name(reason)
                );
                let error = refused(code_of(reason), text);
                if reason == Reason::REFUSED_STREAM {
                    Failure::Unprocessed(Unprocessed::Refused(error))
                } else {
                    Failure::Aborted(error)
                }
            }
            FailureKind::Broken => Failure::Broken(connection.broken(status.message())),
        }
    }
}

/// Whether this is tonic's error for a stream that ended in the middle of a message or without a status.
fn is_cut_short(status: &Status) -> bool {
    let text = status.message();
    text == "Unexpected EOF decoding stream."
        || text == "Missing response message."
        || text.starts_with("protocol error: missing grpc-status trailer")
}

/// `None` if it is the server's own gRPC status.
fn kind_of(status: &Status) -> Option<FailureKind> {
    // The server did answer; tonic also attaches a source to its error about a response that is too large.
    if status.code() == Code::OutOfRange {
        return None;
    }
    let mut source = status.source()?;
    loop {
        if let Some(transport) = source.downcast_ref::<Transport>() {
            return Some(transport.kind);
        }
        if let Some(hyper) = source.downcast_ref::<hyper::Error>() {
            return Some(kind_of_hyper(hyper));
        }
        match source.source() {
            Some(next) => source = next,
            None => return Some(FailureKind::Broken),
        }
    }
}

fn code_of(reason: Reason) -> Code {
    match reason {
        Reason::NO_ERROR
        | Reason::PROTOCOL_ERROR
        | Reason::INTERNAL_ERROR
        | Reason::SETTINGS_TIMEOUT
        | Reason::STREAM_CLOSED
        | Reason::FRAME_SIZE_ERROR
        | Reason::COMPRESSION_ERROR
        | Reason::CONNECT_ERROR
        | Reason::HTTP_1_1_REQUIRED => Code::Internal,
        Reason::FLOW_CONTROL_ERROR | Reason::ENHANCE_YOUR_CALM => Code::ResourceExhausted,
        Reason::REFUSED_STREAM => Code::Unavailable,
        Reason::CANCEL => Code::Cancelled,
        Reason::INADEQUATE_SECURITY => Code::PermissionDenied,
        _ => Code::Unknown,
    }
}

/// Go's name of an HTTP/2 error code.
pub fn reason_name(reason: Reason) -> String {
    let number = u32::from(reason);
    if number <= u32::from(Reason::HTTP_1_1_REQUIRED) {
        format!("{reason:?}")
    } else {
        format!("unknown error code 0x{number:x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_names_are_those_of_go() {
        for (number, code, name) in [
            (0, Code::Internal, "NO_ERROR"),
            (1, Code::Internal, "PROTOCOL_ERROR"),
            (3, Code::ResourceExhausted, "FLOW_CONTROL_ERROR"),
            (7, Code::Unavailable, "REFUSED_STREAM"),
            (8, Code::Cancelled, "CANCEL"),
            (11, Code::ResourceExhausted, "ENHANCE_YOUR_CALM"),
            (12, Code::PermissionDenied, "INADEQUATE_SECURITY"),
            (13, Code::Internal, "HTTP_1_1_REQUIRED"),
            (99, Code::Unknown, "unknown error code 0x63"),
        ] {
            let reason = Reason::from(number);
            assert_eq!((code_of(reason), reason_name(reason)), (code, name.into()));
        }
    }
}
