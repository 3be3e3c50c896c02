//! The body of a response: nothing, one message, a stream of messages, or plain HTTP. Frames are sent without copying.
//! Every gRPC response ends with trailers that contain its status.

use std::{
    collections::VecDeque,
    convert::Infallible,
    pin::Pin,
    sync::{Arc, Weak},
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use http_body::Frame;
use parking_lot::Mutex;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use tokio::sync::mpsc;
use tonic::Status;

use super::{call::Driven, message, stream::Part};
use crate::server::{
    mvcc::encoded::{CHUNK_SIZE, Encoded, SHORT},
    unsent::{HeldBuffer, Holder, Unsent},
};

/// The body of every response of this server.
#[derive(Default)]
pub struct Body(Content);

#[derive(Default)]
enum Content {
    #[default]
    Empty,
    /// Plain HTTP: a single chunk, no trailers.
    Plain(Bytes),
    /// Plain HTTP: chunks as they become available, no trailers.
    PlainStream(mpsc::Receiver<Bytes>),
    /// One gRPC message and the status.
    Message(Bytes),
    Trailers(Box<HeaderMap>),
    /// Data that can be dropped before it is sent.
    Rest(Arc<Rest>),
}

/// The rest of a long response or of a stream.
pub(super) struct Rest(Mutex<State>);

struct State {
    source: Source,
    /// Since when data has been available to the client; `None` while the server has nothing to send.
    waiting_since: Option<Instant>,
}

enum Source {
    /// One gRPC message in pieces, then the status.
    Pieces(VecDeque<Bytes>),
    /// Plain HTTP in pieces, and the number of bytes left.
    Plain(VecDeque<Bytes>, u64),
    /// gRPC messages as they come, then the status.
    Stream(mpsc::Receiver<Part>),
    /// The same, produced while they are read.
    Driven(Box<Driven>),
    /// The data was dropped because the client did not read it.
    Discarded,
}

impl Rest {
    fn new(source: Source) -> Rest {
        let waiting_since = match source {
            Source::Stream(_) | Source::Driven(_) => None,
            _ => Some(Instant::now()),
        };
        Rest(Mutex::new(State {
            source,
            waiting_since,
        }))
    }
}

impl Unsent for Rest {
    fn stalled(&self) -> Duration {
        (self.0.lock().waiting_since).map_or(Duration::ZERO, |since| since.elapsed())
    }

    fn discard(&self) {
        let source = std::mem::replace(&mut self.0.lock().source, Source::Discarded);
        // Dropping the data wakes waiting reads, so it happens without the lock.
        drop(source);
    }
}

impl Body {
    /// Plain HTTP.
    pub fn plain(bytes: impl Into<Bytes>) -> Body {
        Body(Content::Plain(bytes.into()))
    }

    /// Whether it is one short message, which needs nothing but a client that takes it.
    pub fn is_complete(&self) -> bool {
        matches!(self.0, Content::Message(_) | Content::Plain(_))
    }

    /// Plain HTTP in chunks, until the sender is dropped.
    pub fn plain_stream(pieces: mpsc::Receiver<Bytes>) -> Body {
        Body(Content::PlainStream(pieces))
    }

    /// One framed gRPC message and status 0.
    pub fn message(framed: Bytes) -> Body {
        Body(Content::Message(framed))
    }

    /// A gRPC message, preceded by `message::PREFIX` unused bytes, and status 0.
    pub fn encoded(mut message: Encoded) -> Body {
        let length = message.length() - message::PREFIX;
        message::put_prefix(&mut message.front(), length);
        let holder = message.holder();
        let mut pieces: VecDeque<Bytes> = message.into_pieces().collect();
        match pieces.pop_front() {
            Some(only) if pieces.is_empty() && holder.is_none() => Body::message(only),
            Some(first) => {
                pieces.push_front(first);
                Body::rest(Source::Pieces(pieces), holder.as_ref())
            }
            None => Body::message(Bytes::new()),
        }
    }

    /// One framed gRPC message and status 0; `holder` counts the unsent bytes.
    pub fn framed_counted(framed: &[u8], holder: &Arc<dyn Holder>) -> Body {
        Body::rest(Source::Pieces(counted_pieces(framed, holder)), Some(holder))
    }

    /// Plain HTTP; `holder` counts the unsent bytes.
    pub fn plain_counted(bytes: Vec<u8>, holder: &Arc<dyn Holder>) -> Body {
        if bytes.len() <= SHORT {
            return Body::plain(bytes);
        }
        let length = bytes.len() as u64;
        let pieces = counted_pieces(&bytes, holder);
        Body::rest(Source::Plain(pieces, length), Some(holder))
    }

    /// A stream of gRPC messages, and a handle that can drop the queued ones.
    pub(super) fn stream(parts: mpsc::Receiver<Part>) -> (Body, Weak<Rest>) {
        let rest = Arc::new(Rest::new(Source::Stream(parts)));
        let weak = Arc::downgrade(&rest);
        (Body(Content::Rest(rest)), weak)
    }

    /// A stream of gRPC messages that are produced while they are read.
    pub(super) fn driven(call: Driven) -> Body {
        Body(Content::Rest(Arc::new(Rest::new(Source::Driven(
            Box::new(call),
        )))))
    }

    fn rest(source: Source, holder: Option<&Arc<dyn Holder>>) -> Body {
        let rest = Arc::new(Rest::new(source));
        if let Some(holder) = holder {
            let weak: Weak<Rest> = Arc::downgrade(&rest);
            holder.watch(weak);
        }
        Body(Content::Rest(rest))
    }
}

/// Separate buffers, so that each one is freed as soon as it has been sent.
fn counted_pieces(bytes: &[u8], holder: &Arc<dyn Holder>) -> VecDeque<Bytes> {
    let counted =
        |piece: &[u8]| Bytes::from_owner(HeldBuffer::new(piece.to_vec(), Arc::clone(holder)));
    bytes.chunks(CHUNK_SIZE).map(counted).collect()
}

fn success() -> HeaderMap {
    let mut trailers = HeaderMap::with_capacity(1);
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    trailers
}

fn failure(status: &Status) -> HeaderMap {
    let mut trailers = HeaderMap::with_capacity(2);
    put_status(status, &mut trailers);
    trailers
}

/// Adds the code and the message of a failed call. Like grpc-go, escapes only what gRPC requires (grpc v1.82.1,
/// internal/transport/http_util.go, `encodeGrpcMessage`); tonic also escapes spaces, for example.
pub fn put_status(status: &Status, headers: &mut HeaderMap) {
    const ESCAPED: &AsciiSet = &CONTROLS.add(b'%');
    headers.insert("grpc-status", HeaderValue::from(i32::from(status.code())));
    let message = utf8_percent_encode(status.message(), ESCAPED).to_string();
    // Control characters have been escaped, so the conversion succeeds.
    if let Ok(message) = HeaderValue::try_from(message) {
        headers.insert("grpc-message", message);
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let trailers = |trailers| (Content::Empty, Some(Frame::trailers(trailers)));
        let (next, frame) = match std::mem::take(&mut self.0) {
            Content::Empty => (Content::Empty, None),
            Content::Plain(bytes) => (Content::Empty, Some(Frame::data(bytes))),
            Content::PlainStream(mut pieces) => match pieces.poll_recv(cx) {
                Poll::Pending => {
                    self.0 = Content::PlainStream(pieces);
                    return Poll::Pending;
                }
                Poll::Ready(Some(piece)) => {
                    (Content::PlainStream(pieces), Some(Frame::data(piece)))
                }
                Poll::Ready(None) => (Content::Empty, None),
            },
            Content::Message(bytes) => (
                Content::Trailers(Box::new(success())),
                Some(Frame::data(bytes)),
            ),
            Content::Trailers(status) => trailers(*status),
            Content::Rest(rest) => {
                let frame = {
                    let mut state = rest.0.lock();
                    let frame = state.source.poll(cx);
                    state.waiting_since = frame.is_ready().then(Instant::now);
                    frame
                };
                match frame {
                    Poll::Pending => {
                        self.0 = Content::Rest(rest);
                        return Poll::Pending;
                    }
                    Poll::Ready(Next::Data(data)) => (Content::Rest(rest), Some(Frame::data(data))),
                    Poll::Ready(Next::Trailers(status)) => trailers(status),
                    Poll::Ready(Next::End) => (Content::Empty, None),
                }
            }
        };
        self.0 = next;
        Poll::Ready(frame.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.0, Content::Empty)
    }

    fn size_hint(&self) -> http_body::SizeHint {
        match &self.0 {
            Content::Empty => http_body::SizeHint::with_exact(0),
            Content::Plain(bytes) => http_body::SizeHint::with_exact(bytes.len() as u64),
            Content::Rest(rest) => match &rest.0.lock().source {
                Source::Plain(_, left) => http_body::SizeHint::with_exact(*left),
                _ => http_body::SizeHint::default(),
            },
            _ => http_body::SizeHint::default(),
        }
    }
}

/// The next part of a response.
enum Next {
    Data(Bytes),
    Trailers(HeaderMap),
    End,
}

impl From<Part> for Next {
    fn from(part: Part) -> Next {
        match part {
            Part::Message(framed) => Next::Data(framed),
            Part::End(Ok(())) => Next::Trailers(success()),
            Part::End(Err(status)) => Next::Trailers(failure(&status)),
        }
    }
}

impl Source {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Next> {
        Poll::Ready(match self {
            Source::Pieces(pieces) => match pieces.pop_front() {
                Some(piece) => Next::Data(piece),
                None => Next::Trailers(success()),
            },
            Source::Plain(pieces, left) => match pieces.pop_front() {
                Some(piece) => {
                    *left -= piece.len() as u64;
                    Next::Data(piece)
                }
                None => Next::End,
            },
            Source::Stream(parts) => match ready!(parts.poll_recv(cx)) {
                Some(part) => part.into(),
                // The task was lost: the messages so far must not pass for all of them.
                None => Next::Trailers(failure(&Status::internal("stream ended early"))),
            },
            Source::Driven(call) => ready!(call.poll(cx)).into(),
            // Plain HTTP then ends before the announced length, so hyper closes the connection.
            Source::Discarded => Next::Trailers(failure(&Status::resource_exhausted(
                "etcdserver: the answer was not read in time and memory is short",
            ))),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt as _;

    #[tokio::test]
    async fn a_message_is_followed_by_its_status() {
        let whole = Body::message(Bytes::from_static(b"m"))
            .collect()
            .await
            .unwrap();
        assert_eq!(whole.trailers().unwrap()["grpc-status"], "0");
        assert_eq!(whole.to_bytes(), "m");
    }

    #[test]
    fn messages_are_escaped_as_in_grpc_go() {
        let mut headers = HeaderMap::new();
        put_status(&Status::internal("a b: \"100%\"\n\u{e9}~"), &mut headers);
        assert_eq!(headers["grpc-status"], "13");
        assert_eq!(headers["grpc-message"], "a b: \"100%25\"%0A%C3%A9~");
    }

    #[tokio::test]
    async fn a_stream_whose_sender_is_lost_is_not_a_success() {
        let (sender, parts) = mpsc::channel(2);
        assert!(sender.send(Part::Message("message".into())).await.is_ok());
        drop(sender);
        let whole = Body::stream(parts).0.collect().await.unwrap();
        assert_eq!(whole.trailers().unwrap()["grpc-status"], "13");
        assert_eq!(whole.to_bytes(), "message");
    }
}
