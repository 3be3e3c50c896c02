//! What is sent back: nothing, one message, a stream of messages, or plain HTTP. Frames go out as they
//! are, without copies; every gRPC answer ends in trailers with its status.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use http_body::Frame;
use tokio::{
    sync::mpsc,
    time::{Sleep, sleep, timeout},
};
use tonic::Status;

use super::message;
use crate::server::mvcc::encoded::Encoded;

/// The body of every answer of this server.
#[derive(Default)]
pub struct Body(Kind);

#[derive(Default)]
enum Kind {
    #[default]
    Empty,
    /// Plain HTTP: one piece, no trailers.
    Plain(Bytes),
    /// One gRPC message, then the status.
    Message(Bytes),
    /// One gRPC message in pieces, then the status.
    Pieces(Box<dyn Iterator<Item = Bytes> + Send>),
    Trailers(HeaderMap),
    Stream(Box<Stream>),
}

struct Stream {
    parts: mpsc::Receiver<Part>,
    deadline: Option<Pin<Box<Sleep>>>,
}

/// One step of a stream.
enum Part {
    /// A whole message.
    Message(Bytes),
    End(Result<(), Status>),
}

impl Body {
    /// Plain HTTP.
    pub fn plain(bytes: impl Into<Bytes>) -> Body {
        Body(Kind::Plain(bytes.into()))
    }

    /// One framed gRPC message and status 0.
    pub fn message(framed: Bytes) -> Body {
        Body(Kind::Message(framed))
    }

    /// One gRPC message, with [`PREFIX`](message::PREFIX) bytes free in front of it, and status 0.
    pub fn encoded(mut message: Encoded) -> Body {
        let length = message.length() - message::PREFIX;
        message::put_prefix(&mut message.front(), length);
        let mut pieces = message.into_pieces();
        match (pieces.next(), pieces.size_hint()) {
            (Some(only), (_, Some(0))) => Body::message(only),
            (first, _) => Body(Kind::Pieces(Box::new(first.into_iter().chain(pieces)))),
        }
    }

    /// A stream and the end to feed it by. A sender that gets nothing through for `stall` is told so;
    /// a stream whose deadline passes ends with DEADLINE_EXCEEDED.
    pub fn stream(stall: Duration, deadline: Option<Duration>) -> (Sender, Body) {
        let (sender, parts) = mpsc::channel(2);
        let stream = Stream {
            parts,
            deadline: deadline.map(|d| Box::pin(sleep(d))),
        };
        (
            Sender {
                parts: sender,
                stall,
            },
            Body(Kind::Stream(Box::new(stream))),
        )
    }
}

/// The feeding end of a stream.
pub struct Sender {
    parts: mpsc::Sender<Part>,
    stall: Duration,
}

/// Why a stream can't go on.
#[derive(Debug, PartialEq, Eq)]
pub enum Gone {
    /// The client has gone away.
    Closed,
    /// The client has taken nothing for too long.
    Stalled,
}

impl Sender {
    /// Sends one framed message.
    ///
    /// # Errors
    /// The client is gone or takes nothing.
    pub async fn send(&self, framed: Bytes) -> Result<(), Gone> {
        match timeout(self.stall, self.parts.send(Part::Message(framed))).await {
            Ok(sent) => sent.map_err(|_| Gone::Closed),
            Err(_) => Err(Gone::Stalled),
        }
    }

    /// Ends the stream with a status; a stream whose sender is dropped without it ends as an error.
    pub async fn end(self, how: Result<(), Status>) {
        // The client may have gone away, and one that takes nothing has been given up.
        let _ = timeout(self.stall, self.parts.send(Part::End(how))).await;
    }

    /// Resolves when the client has gone away.
    pub async fn closed(&self) {
        self.parts.closed().await;
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
        // Only metadata can fail to be written, and ours has none; the code alone always can.
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
        let (next, frame) = match std::mem::take(&mut self.0) {
            Kind::Empty => (Kind::Empty, None),
            Kind::Plain(bytes) => (Kind::Empty, Some(Frame::data(bytes))),
            Kind::Message(bytes) => (Kind::Trailers(success()), Some(Frame::data(bytes))),
            Kind::Pieces(mut pieces) => match pieces.next() {
                Some(piece) => (Kind::Pieces(pieces), Some(Frame::data(piece))),
                None => (Kind::Empty, Some(Frame::trailers(success()))),
            },
            Kind::Trailers(trailers) => (Kind::Empty, Some(Frame::trailers(trailers))),
            Kind::Stream(mut stream) => match stream.poll(cx) {
                Poll::Pending => {
                    self.0 = Kind::Stream(stream);
                    return Poll::Pending;
                }
                Poll::Ready(Ok(data)) => (Kind::Stream(stream), Some(Frame::data(data))),
                Poll::Ready(Err(trailers)) => (Kind::Empty, Some(Frame::trailers(trailers))),
            },
        };
        self.0 = next;
        Poll::Ready(frame.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.0, Kind::Empty)
    }

    fn size_hint(&self) -> http_body::SizeHint {
        match &self.0 {
            Kind::Empty => http_body::SizeHint::with_exact(0),
            Kind::Plain(bytes) => http_body::SizeHint::with_exact(bytes.len() as u64),
            _ => http_body::SizeHint::default(),
        }
    }
}

impl Stream {
    /// The next piece, or the trailers that end the stream.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, HeaderMap>> {
        if let Some(deadline) = &mut self.deadline
            && deadline.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(Err(failure(&super::deadline::exceeded())));
        }
        self.parts.poll_recv(cx).map(|part| match part {
            Some(Part::Message(framed)) => Ok(framed),
            Some(Part::End(Ok(()))) => Err(success()),
            Some(Part::End(Err(status))) => Err(failure(&status)),
            None => Err(failure(&Status::internal("stream ended early"))),
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

    #[tokio::test]
    async fn a_stream_whose_sender_is_lost_is_not_a_success() {
        let (sender, body) = Body::stream(Duration::from_secs(9), None);
        sender.send("message".into()).await.unwrap();
        drop(sender);
        let whole = body.collect().await.unwrap();
        assert_eq!(whole.trailers().unwrap()["grpc-status"], "13");
        assert_eq!(whole.to_bytes(), "message");
    }

    #[tokio::test]
    async fn a_client_that_takes_nothing_is_given_up() {
        let (sender, body) = Body::stream(Duration::from_millis(20), None);
        for _ in 0..2 {
            assert_eq!(sender.send("m".into()).await, Ok(()));
        }
        assert_eq!(sender.send("m".into()).await, Err(Gone::Stalled));
        drop(body);
        assert_eq!(sender.send("m".into()).await, Err(Gone::Closed));
    }

    #[tokio::test]
    async fn a_stream_ends_at_its_deadline() {
        let (sender, body) = Body::stream(Duration::from_secs(60), Some(Duration::from_millis(20)));
        let whole = body.collect().await.unwrap();
        assert_eq!(whole.trailers().unwrap()["grpc-status"], "4");
        assert_eq!(sender.send("m".into()).await, Err(Gone::Closed));
    }
}
