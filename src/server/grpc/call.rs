//! One call on its way through the table of methods, and the task in which a streaming method runs.

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

/// A call that is to be answered.
pub(super) struct Call<B> {
    pub context: RequestContext,
    pub request: Messages<B>,
    /// How its messages are encoded, in both directions.
    pub encoding: Encoding,
    pub handling: Handling,
}

/// What a request ends with whose deadline has passed.
pub fn deadline_exceeded() -> Status {
    Status::deadline_exceeded("context deadline exceeded")
}

/// Runs a streaming method as a task: to its end, or until the client is gone, the deadline passes, or, with `phase`,
/// the server stops.
pub(super) fn run_stream(
    work: impl Future<Output = Result<(), Error>> + Send + 'static,
    deadline: Option<Instant>,
    phase: Option<watch::Receiver<Phase>>,
    parts: mpsc::Sender<Part>,
    handling: Handling,
) {
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
            // Dropped without a code, `handling` counts it as canceled.
            () = parts.closed() => return,
            ended = within_deadline => ended,
            () = stopped => Err(Error::Stopped.into()),
        };
        handling.end(ended.as_ref().err().map_or(Code::Ok, Status::code));
        // The client may go away just now. One that takes nothing is noticed by its connection.
        let _ = parts.send(Part::End(ended)).await;
    });
}
