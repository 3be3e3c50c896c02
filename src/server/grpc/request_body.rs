//! The body of a request: received from the network, or produced by the JSON gateway. One type for both, so that the
//! code of all methods exists only once.

use std::{
    error::Error,
    fmt::Display,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt as _, combinators::UnsyncBoxBody};
use hyper::body::Incoming;
use tonic::Status;

/// The body of a request, which contains messages with gRPC's framing.
pub enum RequestBody {
    /// Received over HTTP/2.
    Received(Incoming),
    /// Any other.
    Other(UnsyncBoxBody<Bytes, Status>),
}

impl RequestBody {
    /// A body of any type. An error that is a status ends the call with that status; any other means that the client has
    /// canceled the call.
    pub fn new<B>(body: B) -> RequestBody
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let status = |error: B::Error| match error.into().downcast::<Status>() {
            Ok(status) => *status,
            Err(other) => canceled(other),
        };
        RequestBody::Other(body.map_err(status).boxed_unsync())
    }
}

fn canceled(error: impl Display) -> Status {
    Status::cancelled(error.to_string())
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        match self.get_mut() {
            RequestBody::Received(body) => Pin::new(body)
                .poll_frame(cx)
                .map(|frame| frame.map(|frame| frame.map_err(canceled))),
            RequestBody::Other(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            RequestBody::Received(body) => body.is_end_stream(),
            RequestBody::Other(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            RequestBody::Received(body) => body.size_hint(),
            RequestBody::Other(body) => body.size_hint(),
        }
    }
}
