//! One HTTP/2 connection to one endpoint, as a tower service for tonic's clients. Knows neither retries nor deadlines.

use std::{
    future::{Future, poll_fn},
    io,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use hyper::client::conn::http2;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    cause::Cause,
    dial::DialOptions,
    failure::{Transport, reason_name},
    fragments::{Fragmented, InFragments},
    http_response,
    monitor::{Monitor, Monitored},
};
use crate::net::{
    coalesce::{Flush, coalesce},
    small_frames,
};

/// Receive window of a stream in bytes: large enough that round trips do not slow down a snapshot, and small enough to
/// bound what waits for a slow disk.
const STREAM_WINDOW: u32 = 3 << 20;
/// Receive window of a connection in bytes. Large enough for a burst of small messages (see [`small_frames`]). A client has
/// few streams, so the windows of the streams bound the memory.
const CONNECTION_WINDOW: u32 = 256 << 20;
const _: () = assert!(small_frames::fit(STREAM_WINDOW, CONNECTION_WINDOW));
/// Maximum size in bytes of a frame from the server. Larger than the default of 16 KiB, so that a chunk of a snapshot
/// arrives in one frame, with fewer system calls on both sides.
const FRAME: u32 = 256 << 10;
/// Maximum size in bytes of the headers or trailers of a response. A proxy may add some, and they contain the text of an
/// error.
const HEAD: u32 = 256 << 10;

/// Keep-alive options of a connection.
#[derive(Clone, Copy, Debug)]
pub struct KeepAlive {
    /// Idle time after which a connection with running requests is pinged; `None` = never.
    pub time: Option<Duration>,
    /// Timeout of a ping.
    pub timeout: Duration,
}

/// An open connection; clones share it.
#[derive(Clone)]
pub struct Connection {
    sender: http2::SendRequest<tonic::body::Body>,
    monitor: Arc<Monitor>,
    /// Time limit for the server's SETTINGS, if the connection is used before they arrive.
    settings_timeout: Option<Duration>,
    /// Scheme and authority of every request.
    pub origin: http::Uri,
}

impl Connection {
    /// Starts HTTP/2 over `io`, with this scheme and authority. Waits for the server's SETTINGS, or leaves that to the
    /// first request.
    ///
    /// # Errors
    /// The server closed the connection, does not speak HTTP/2, or sent nothing in time.
    pub async fn open<S>(
        io: S,
        origin: http::Uri,
        options: DialOptions,
    ) -> Result<Connection, Cause>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let monitor = Arc::new(Monitor::default());
        let (io, flush) = coalesce(Monitored::new(io, Arc::clone(&monitor)));
        let handshake = http2::Builder::new(Tasks::new(flush))
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_frame_size(FRAME)
            .max_header_list_size(HEAD)
            .keep_alive_interval(options.keepalive.time)
            .keep_alive_timeout(options.keepalive.timeout)
            .handshake(TokioIo::new(io))
            .await;
        let (sender, driver) = handshake.map_err(|e| monitor.handshake_cause(&text(&e)))?;
        let end = Arc::clone(&monitor);
        tokio::spawn(async move {
            let result = driver.await;
            end.finish(result.err().map(|e| text(&e)));
        });
        let connection = Connection {
            sender,
            monitor,
            settings_timeout: options.at_once.then_some(options.timeout),
            origin,
        };
        if connection.settings_timeout.is_none() {
            connection.monitor.settings_within(options.timeout).await?;
        }
        Ok(connection)
    }

    /// Whether the server has sent anything.
    pub fn heard(&self) -> bool {
        self.monitor.heard()
    }

    /// Whether the server has answered a request.
    pub fn answered(&self) -> bool {
        self.monitor.answered()
    }

    /// Whether a request may still be sent.
    pub fn usable(&self) -> bool {
        self.sender.is_ready() && !self.sender.is_closed()
    }

    /// Whether both are clones of the same connection.
    pub fn is(&self, other: &Connection) -> bool {
        Arc::ptr_eq(&self.monitor, &other.monitor)
    }

    /// Waits for the server's SETTINGS, if the connection is used before they have arrived.
    ///
    /// # Errors
    /// The server closed the connection, does not speak HTTP/2, or sent nothing in time.
    pub async fn settled(&self) -> Result<(), Cause> {
        match self.settings_timeout {
            Some(timeout) => self.monitor.settings_within(timeout).await,
            None => Ok(()),
        }
    }

    /// Waits until the server has shown that it reads, or the connection has ended.
    pub async fn acknowledged(&self) {
        self.monitor.acknowledged().await;
    }

    /// Why the connection broke.
    pub fn broken(&self, fallback: &str) -> Cause {
        Cause::Broken(
            self.monitor
                .end_text()
                .unwrap_or_else(|| fallback.to_owned()),
        )
    }
}

/// Number of turns that other tasks get before buffered bytes are sent: a request needs a few turns for its headers and
/// its body.
const TURNS: u32 = 3;

/// Runs the tasks of a connection, the first of which is the connection itself. Sends buffered bytes only after the other
/// tasks have had their turn: otherwise a request would be sent in pieces, each of which wakes the server.
struct Tasks<S> {
    flush: Flush<S>,
    connection: Arc<AtomicBool>,
}

impl<S> Tasks<S> {
    fn new(flush: Flush<S>) -> Tasks<S> {
        Tasks {
            flush,
            connection: Arc::new(AtomicBool::new(true)),
        }
    }
}

impl<S> Clone for Tasks<S> {
    fn clone(&self) -> Tasks<S> {
        Tasks {
            flush: self.flush.clone(),
            connection: Arc::clone(&self.connection),
        }
    }
}

impl<S, F> hyper::rt::Executor<F> for Tasks<S>
where
    S: AsyncWrite + Unpin + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, task: F) {
        if !self.connection.swap(false, Ordering::Relaxed) {
            tokio::spawn(task);
            return;
        }
        let flush = self.flush.clone();
        tokio::spawn(async move {
            let mut task = pin!(task);
            let mut turns = 0;
            let step = |cx: &mut Context<'_>| {
                let ended = task.as_mut().poll(cx);
                if turns < TURNS && ended.is_pending() && !flush.is_empty() {
                    turns += 1;
                    cx.waker().wake_by_ref();
                    return ended;
                }
                turns = 0;
                if let Poll::Ready(Err(error)) = flush.poll_flush(cx)
                    && ended.is_pending()
                {
                    flush.fail(error);
                    cx.waker().wake_by_ref();
                }
                ended
            };
            poll_fn(step).await;
        });
    }
}

type Answer = http::Response<Fragmented<hyper::body::Incoming>>;

impl tower_service::Service<http::Request<tonic::body::Body>> for Connection {
    type Response = Answer;
    type Error = Transport;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, Transport>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Transport>> {
        self.sender
            .poll_ready(cx)
            .map_err(|e| Transport::not_sent(text(&e)))
    }

    fn call(&mut self, request: http::Request<tonic::body::Body>) -> Self::Future {
        let marked = request.extensions().get::<InFragments>().copied();
        let sent_before = self.monitor.requests_sent();
        let answer = self.sender.try_send_request(request);
        let connection = self.clone();
        Box::pin(async move {
            let mut answer = pin!(answer);
            let answer = tokio::select! {
                biased;
                answer = &mut answer => answer,
                settled = connection.settled() => {
                    settled.map_err(|cause| Transport::broken(cause.to_string()))?;
                    answer.await
                }
            };
            match answer {
                Ok(answer) => {
                    connection.monitor.set_answered();
                    let answer = http_response::checked(answer);
                    Ok(answer.map(|body| Fragmented::new(body, marked)))
                }
                Err(mut failed) => {
                    let unsent = failed.take_message().is_some()
                        || connection.monitor.requests_sent() == sent_before;
                    let error = failed.into_error();
                    let text = text(&error);
                    Err(match Transport::of_hyper(&error) {
                        _ if unsent => Transport::not_sent(text),
                        Some(known) => known,
                        None => Transport::broken(text),
                    })
                }
            }
        })
    }
}

/// The text of the innermost error that hyper wraps.
pub(super) fn text(error: &hyper::Error) -> String {
    if error.is_timeout() {
        return "the server does not answer pings (--keepalive-timeout)".into();
    }
    let mut inner: &dyn std::error::Error = error;
    while let Some(next) = inner.source() {
        inner = next;
    }
    if let Some(error) = inner.downcast_ref::<io::Error>() {
        return match error.kind() {
            // h2 reports the end of the stream in its own words, and drops the numbers of the system's errors.
            io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof
                if error.raw_os_error().is_none() && error.get_ref().is_some() =>
            {
                "EOF".into()
            }
            io::ErrorKind::ConnectionReset => "connection reset by peer".into(),
            _ => super::cause::io_text(error),
        };
    }
    let text = inner.to_string();
    match inner
        .downcast_ref::<h2::Error>()
        .and_then(h2::Error::reason)
    {
        Some(reason) => protocol_text(reason, &text),
        None => text,
    }
}

/// The text of an HTTP/2 error: the name of its code, as Go prints it, and what its sender added. h2 returns that
/// addition only in `printed`, its own text, which ends with `(b"...")`.
fn protocol_text(reason: h2::Reason, printed: &str) -> String {
    let name = reason_name(reason);
    let added = printed
        .split_once(" (b\"")
        .and_then(|(_, rest)| rest.strip_suffix("\")"));
    match added {
        Some(added) => format!("HTTP/2 error {name}: {added}"),
        None => format!("HTTP/2 error {name}"),
    }
}

#[cfg(test)]
mod tests {
    use h2::Reason;

    use super::*;

    #[test]
    fn errors_of_http2_are_named_as_in_the_standard() {
        let text = protocol_text(
            Reason::ENHANCE_YOUR_CALM,
            "connection error received: x (b\"too_many_pings\")",
        );
        assert_eq!(text, "HTTP/2 error ENHANCE_YOUR_CALM: too_many_pings");
        let text = protocol_text(Reason::PROTOCOL_ERROR, "stream error detected: x");
        assert_eq!(text, "HTTP/2 error PROTOCOL_ERROR");
    }
}
