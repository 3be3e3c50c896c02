//! The body of a response: nothing, one message, a stream of messages, or plain HTTP. Frames are sent without copying.
//! Every gRPC response ends with trailers that contain its status.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use http_body::Frame;
use tokio::sync::mpsc;
use tonic::Status;

use super::{message, stream::Part};
use crate::server::mvcc::encoded::Encoded;

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
    /// One gRPC message in chunks, and the status.
    Pieces(Box<dyn Iterator<Item = Bytes> + Send>),
    Trailers(Box<HeaderMap>),
    /// gRPC messages as they become available, then the status.
    Stream(mpsc::Receiver<Part>),
}

impl Body {
    /// Plain HTTP.
    pub fn plain(bytes: impl Into<Bytes>) -> Body {
        Body(Content::Plain(bytes.into()))
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
        let mut pieces = message.into_pieces();
        match (pieces.next(), pieces.size_hint()) {
            (Some(only), (_, Some(0))) => Body::message(only),
            (first, _) => Body(Content::Pieces(Box::new(first.into_iter().chain(pieces)))),
        }
    }

    /// A stream of gRPC messages.
    pub(super) fn stream(parts: mpsc::Receiver<Part>) -> Body {
        Body(Content::Stream(parts))
    }
}

fn success() -> HeaderMap {
    let mut trailers = HeaderMap::with_capacity(1);
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    trailers
}

fn failure(status: &Status) -> HeaderMap {
    let mut trailers = HeaderMap::with_capacity(2);
    if status.add_header(&mut trailers).is_err() {
        // Building trailers fails only because of metadata, which ours do not have. The code alone always works.
        trailers.insert("grpc-status", HeaderValue::from_static("13"));
    }
    trailers
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
            Content::Pieces(mut pieces) => match pieces.next() {
                Some(piece) => (Content::Pieces(pieces), Some(Frame::data(piece))),
                None => trailers(success()),
            },
            Content::Trailers(status) => trailers(*status),
            Content::Stream(mut parts) => match parts.poll_recv(cx) {
                Poll::Pending => {
                    self.0 = Content::Stream(parts);
                    return Poll::Pending;
                }
                Poll::Ready(Some(Part::Message(framed))) => {
                    (Content::Stream(parts), Some(Frame::data(framed)))
                }
                Poll::Ready(Some(Part::End(Ok(())))) => trailers(success()),
                Poll::Ready(Some(Part::End(Err(status)))) => trailers(failure(&status)),
                // The task was lost. The client must not mistake the messages so far for all of them.
                Poll::Ready(None) => trailers(failure(&Status::internal("stream ended early"))),
            },
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
            _ => http_body::SizeHint::default(),
        }
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

    #[tokio::test]
    async fn a_stream_whose_sender_is_lost_is_not_a_success() {
        let (sender, parts) = mpsc::channel(2);
        assert!(sender.send(Part::Message("message".into())).await.is_ok());
        drop(sender);
        let whole = Body::stream(parts).collect().await.unwrap();
        assert_eq!(whole.trailers().unwrap()["grpc-status"], "13");
        assert_eq!(whole.to_bytes(), "message");
    }
}
