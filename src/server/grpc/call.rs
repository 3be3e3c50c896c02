//! A call on its way through the table of methods, and the two ways to run a streaming method: in a task, or in the body
//! of its response.

use std::{
    future::{pending, poll_fn},
    pin::Pin,
    task::{Context, Poll},
    time::Instant,
};

use tokio::{
    sync::{mpsc, watch},
    time::sleep_until,
};
use tonic::{Code, Status};

use super::{encoding::Encoding, message::Messages, stream::Part};
use crate::server::{
    context::RequestContext,
    error::Error,
    lifecycle::{Phase, stopping},
    metrics::Handling,
    woken::Rarely,
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

/// Why a streaming method ends before it has finished; `None` if the client has gone away.
type End = Option<Status>;

/// Waits for the deadline, for `gone`, and, if `phase` is given, until the server stops.
fn end(
    deadline: Option<Instant>,
    phase: Option<watch::Receiver<Phase>>,
    gone: impl Future<Output = ()> + Send + 'static,
) -> Rarely<End> {
    // Each of them is boxed, because most calls have no deadline, and moving futures into another one doubles its size.
    let mut gone = Box::pin(gone);
    let mut late = deadline.map(|at| Box::pin(sleep_until(at.into())));
    let mut stopped = phase.map(|mut phase| Box::pin(async move { stopping(&mut phase).await }));
    Rarely::new(poll_fn(move |cx| {
        if gone.as_mut().poll(cx).is_ready() {
            return Poll::Ready(None);
        }
        if late
            .as_mut()
            .is_some_and(|late| late.as_mut().poll(cx).is_ready())
        {
            return Poll::Ready(Some(deadline_exceeded()));
        }
        if stopped
            .as_mut()
            .is_some_and(|stopped| stopped.as_mut().poll(cx).is_ready())
        {
            return Poll::Ready(Some(Error::Stopped.into()));
        }
        Poll::Pending
    }))
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
    let body = parts.clone();
    let end = end(deadline, phase, async move { body.closed().await });
    tokio::spawn(async move {
        // If the client has gone away, `handling` is dropped without a code and counts the call as canceled.
        let Some(ended) = run_until(work, end).await else {
            return;
        };
        handling.end(code(&ended));
        // The client may go away at this moment. If it stops reading, its connection notices.
        let _ = parts.send(Part::End(ended)).await;
    });
}

/// The result of `work`, or why it was ended before; `None` if the client has gone away.
async fn run_until(
    mut work: Pin<Box<impl Future<Output = Result<(), Error>>>>,
    mut end: Rarely<End>,
) -> Option<Result<(), Status>> {
    poll_fn(|cx| {
        // Before the work, which may leave no budget for it.
        if let Poll::Ready(why) = end.poll(cx) {
            return Poll::Ready(why.map(Err));
        }
        let ended = work.as_mut().poll(cx);
        ended.map(|ended| Some(ended.map_err(Status::from)))
    })
    .await
}

/// A streaming method that runs while the body of its response is read, without a task of its own. The body is read only
/// while the client takes what is sent.
pub(super) struct Driven {
    work: Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>,
    parts: mpsc::Receiver<Part>,
    end: Rarely<End>,
    /// Taken when the call ends.
    handling: Option<Handling>,
    /// The status of the call, once it has ended and until it is returned.
    ended: Option<Result<(), Status>>,
}

impl Driven {
    /// `parts` receives what `work` sends. Ends when `work` ends, the deadline passes, or the server stops.
    pub fn new(
        work: impl Future<Output = Result<(), Error>> + Send + 'static,
        parts: mpsc::Receiver<Part>,
        deadline: Option<Instant>,
        phase: watch::Receiver<Phase>,
        handling: Handling,
    ) -> Driven {
        Driven {
            work: Box::pin(work),
            parts,
            // If the client goes away, this is dropped together with the body.
            end: end(deadline, Some(phase), pending()),
            handling: Some(handling),
            ended: None,
        }
    }

    /// The next part. The last one is the status; must not be polled after that.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Part> {
        loop {
            // The queue needs no waker, because only the work below fills it.
            if let Ok(part) = self.parts.try_recv() {
                return Poll::Ready(part);
            }
            if let Some(ended) = self.ended.take() {
                return Poll::Ready(Part::End(ended));
            }
            // Before the work, which may have something to send each time.
            if let Poll::Ready(why) = self.end.poll(cx) {
                self.finish(Err(why.unwrap_or_else(|| Error::Canceled.into())));
                continue;
            }
            match self.work.as_mut().poll(cx) {
                Poll::Ready(ended) => self.finish(ended.map_err(Status::from)),
                Poll::Pending => {
                    return self.parts.try_recv().map_or(Poll::Pending, Poll::Ready);
                }
            }
        }
    }

    fn finish(&mut self, ended: Result<(), Status>) {
        if let Some(handling) = self.handling.take() {
            handling.end(code(&ended));
        }
        self.ended = Some(ended);
    }
}

fn code(ended: &Result<(), Status>) -> Code {
    ended.as_ref().err().map_or(Code::Ok, Status::code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::{task::consume_budget, time::timeout};

    fn soon() -> Rarely<End> {
        let deadline = Instant::now() + Duration::from_millis(20);
        end(Some(deadline), None, pending())
    }

    #[tokio::test]
    async fn a_method_that_never_waits_ends_at_its_deadline() {
        let work = Box::pin(async {
            loop {
                consume_budget().await;
            }
        });
        let ended = timeout(Duration::from_secs(5), run_until(work, soon())).await;
        let ended = ended.expect("it ends").expect("the client is there");
        assert_eq!(
            ended.map_err(|status| status.code()),
            Err(Code::DeadlineExceeded)
        );
    }

    #[tokio::test]
    async fn a_method_that_always_sends_ends_at_its_deadline() {
        let (sender, parts) = mpsc::channel(2);
        let work = async move {
            while sender.send(Part::Message("m".into())).await.is_ok() {}
            Ok(())
        };
        let mut driven = Driven {
            work: Box::pin(work),
            parts,
            end: soon(),
            handling: None,
            ended: None,
        };
        let ended = async {
            loop {
                if let Part::End(ended) = poll_fn(|cx| driven.poll(cx)).await {
                    return ended;
                }
                tokio::task::yield_now().await;
            }
        };
        let ended = timeout(Duration::from_secs(5), ended).await;
        let ended = ended.expect("it ends").map_err(|status| status.code());
        assert_eq!(ended, Err(Code::DeadlineExceeded));
    }
}
