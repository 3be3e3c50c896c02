//! A call on its way through the table of methods, and the task that runs a streaming method.

use std::time::Instant;

use tokio::{
    sync::{mpsc, watch},
    time::timeout_at,
};
use tonic::{Code, Status};

use super::{encoding::Encoding, message::Messages, stream::Part};
use crate::server::{
    context::RequestContext,
    error::Error,
    lifecycle::{Phase, stopping},
    metrics::Handling,
};

/// A call to be answered.
pub(super) struct Call {
    pub context: RequestContext,
    pub request: Messages,
    /// The encoding of its messages, in both directions.
    pub encoding: Encoding,
    pub handling: Handling,
}

/// The status of a request whose deadline has passed.
pub fn deadline_exceeded() -> Status {
    Status::deadline_exceeded("context deadline exceeded")
}

/// Runs a streaming method as a task until it ends, the client has gone away, the deadline passes or, if `phase` is
/// given, the server stops.
pub(super) fn run_stream(
    work: impl Future<Output = Result<(), Error>> + Send + 'static,
    deadline: Option<Instant>,
    phase: Option<watch::Receiver<Phase>>,
    parts: mpsc::Sender<Part>,
    handling: Handling,
) {
    // Boxed, because the task would otherwise have space for several copies of it.
    let work = Box::pin(work);
    tokio::spawn(async move {
        let within_deadline = async {
            match deadline {
                None => work.await.map_err(Status::from),
                Some(at) => match timeout_at(at.into(), work).await {
                    Ok(ended) => ended.map_err(Status::from),
                    Err(_) => Err(deadline_exceeded()),
                },
            }
        };
        let stopped = async {
            match phase {
                Some(mut phase) => stopping(&mut phase).await,
                None => std::future::pending().await,
            }
        };
        let ended = tokio::select! {
            // `handling` is dropped without a code and counts the call as canceled.
            () = parts.closed() => return,
            ended = within_deadline => ended,
            () = stopped => Err(Error::Stopped.into()),
        };
        handling.end(ended.as_ref().err().map_or(Code::Ok, Status::code));
        // The client may go away at this moment. If it stops reading, its connection notices.
        let _ = parts.send(Part::End(ended)).await;
    });
}
