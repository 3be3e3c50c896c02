//! One HTTP/2 connection to one endpoint, as tonic's clients want it. Knows no retry and no deadline.

use std::{
    future::poll_fn,
    io,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use hyper::client::conn::http2;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;

use super::{
    cause::{Cause, Limit},
    dial::DialOptions,
    not_grpc,
};
use crate::net::coalesce::{Flush, coalesce};

/// Receive windows of a stream and of a connection, bytes: wide enough that a snapshot is not held up by
/// round trips, narrow enough to bound what waits for a slow disk.
const STREAM_WINDOW: u32 = 3 << 20;
const CONNECTION_WINDOW: u32 = 8 << 20;
/// Longest frame that a server may send, bytes: a piece of a snapshot then comes whole, with few system calls
/// on both sides, from servers that send more than the 16 KiB that every client takes.
const FRAME: u32 = 256 << 10;

/// How the connection is kept alive.
#[derive(Clone, Copy, Debug)]
pub struct KeepAlive {
    /// Time without traffic after which a running request pings.
    pub time: Duration,
    /// Time for the answer.
    pub timeout: Duration,
}

/// An open connection; clones share it.
#[derive(Clone)]
pub struct Connection {
    sender: http2::SendRequest<tonic::body::Body>,
    seen: Arc<Seen>,
    /// Time for the server's first words, where they were not waited for.
    unheard: Option<Duration>,
    /// Scheme and authority of every request.
    pub origin: http::Uri,
}

impl Connection {
    /// Speaks HTTP/2 over `io`, with this scheme and authority, and waits until the server has done so too, or leaves
    /// that to the first request.
    ///
    /// # Errors
    /// The server closed, said something else, or nothing within the time for it.
    pub async fn open<S>(
        io: S,
        origin: http::Uri,
        options: DialOptions,
    ) -> Result<Connection, Cause>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let seen = Arc::new(Seen::default());
        let io = Watched {
            io,
            broken: None,
            seen: seen.clone(),
        };
        let (io, flush) = coalesce(io);
        let handshake = http2::Builder::new(Tasks::new(flush))
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_frame_size(FRAME)
            .keep_alive_interval(options.keepalive.time)
            .keep_alive_timeout(options.keepalive.timeout)
            .handshake(TokioIo::new(io))
            .await;
        let (sender, driver) = handshake.map_err(|e| seen.cause(&text(&e)))?;
        let end = seen.clone();
        tokio::spawn(async move {
            let result = driver.await;
            end.finish(result.err().map(|e| text(&e)));
        });
        let connection = Connection {
            sender,
            seen,
            unheard: options.at_once.then_some(options.timeout),
            origin,
        };
        if connection.unheard.is_none() {
            connection.seen.greeted_within(options.timeout).await?;
        }
        Ok(connection)
    }

    /// Whether the server has said something.
    pub fn heard(&self) -> bool {
        !self.seen.lock().first.is_empty()
    }

    /// Whether a request may still be sent.
    pub fn usable(&self) -> bool {
        self.sender.is_ready() && !self.sender.is_closed()
    }

    /// Why it broke.
    pub fn broken(&self, fallback: &str) -> Cause {
        Cause::Broken(self.seen.end_text().unwrap_or_else(|| fallback.to_owned()))
    }
}

/// Turns of the other tasks until what is gathered goes out: a request needs some for its head and its body.
const TURNS: u32 = 3;

/// Runs the tasks of a connection. The first is the connection itself: what it has to send goes out when the others have
/// had their turn, because a request would be sent in pieces otherwise, each of which wakes the server.
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

/// An error below gRPC: the request got no answer of the server.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Transport(String);

impl tower_service::Service<http::Request<tonic::body::Body>> for Connection {
    type Response = http::Response<hyper::body::Incoming>;
    type Error = Transport;
    type Future =
        Pin<Box<dyn std::future::Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Transport>> {
        self.sender.poll_ready(cx).map_err(|e| Transport(text(&e)))
    }

    fn call(&mut self, request: http::Request<tonic::body::Body>) -> Self::Future {
        let answer = self.sender.send_request(request);
        let Some(timeout) = self.unheard else {
            return Box::pin(async move { answered(answer.await) });
        };
        let seen = Arc::clone(&self.seen);
        Box::pin(async move {
            let mut answer = pin!(answer);
            tokio::select! {
                biased;
                answer = &mut answer => return answered(answer),
                greeted = seen.greeted_within(timeout) => {
                    greeted.map_err(|cause| Transport(cause.to_string()))?;
                }
            }
            answered(answer.await)
        })
    }
}

fn answered(
    answer: hyper::Result<http::Response<hyper::body::Incoming>>,
) -> Result<http::Response<hyper::body::Incoming>, Transport> {
    answer
        .map(not_grpc::checked)
        .map_err(|e| Transport(text(&e)))
}

/// The innermost words of an error of hyper.
fn text(error: &hyper::Error) -> String {
    if error.is_timeout() {
        return "the server does not answer pings (--keepalive-timeout)".into();
    }
    let mut inner: &dyn std::error::Error = error;
    while let Some(next) = inner.source() {
        inner = next;
    }
    match inner.downcast_ref::<io::Error>() {
        Some(error) => super::cause::io_text(error),
        None => inner.to_string(),
    }
}

/// Bytes of the server's first words that are kept.
const FIRST_WORDS: usize = 96;
/// An HTTP/2 frame's header: length (3), type (1), flags (1), stream (4).
const FRAME_HEADER: usize = 9;
const SETTINGS: u8 = 4;

/// The server's first words, and how the connection ended.
#[derive(Default)]
struct Seen {
    state: Mutex<SeenState>,
    changed: Notify,
}

#[derive(Default)]
struct SeenState {
    first: Vec<u8>,
    ended: bool,
    tls: Option<Cause>,
    error: Option<String>,
}

impl Seen {
    fn lock(&self) -> std::sync::MutexGuard<'_, SeenState> {
        self.state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn read(&self, bytes: &[u8]) {
        let mut state = self.lock();
        let room = FIRST_WORDS - state.first.len();
        if room == 0 {
            return;
        }
        let new = &bytes[..bytes.len().min(room)];
        state.first.extend_from_slice(new);
        drop(state);
        self.changed.notify_one();
    }

    /// Keeps what TLS says of its end: HTTP/2 makes a text of it. A server may look at a client's certificate when
    /// the handshake is over.
    fn failed(&self, error: &io::Error) {
        if let Some(cause) = super::tls::of_io(error) {
            self.lock().tls.get_or_insert(cause);
        }
    }

    fn finish(&self, error: Option<String>) {
        let mut state = self.lock();
        state.ended = true;
        state.error = error;
        drop(state);
        self.changed.notify_one();
    }

    fn end_text(&self) -> Option<String> {
        let state = self.lock();
        if let Some(cause) = &state.tls {
            Some(cause.to_string())
        } else if state.ended {
            Some(state.error.clone().unwrap_or_else(|| "EOF".into()))
        } else {
            None
        }
    }

    fn cause(&self, fallback: &str) -> Cause {
        let state = self.lock();
        if let Some(cause) = &state.tls {
            return cause.clone();
        }
        match &state.first[..] {
            [] => Cause::Closed,
            words => words_of_another(words).unwrap_or_else(|| Cause::Broken(fallback.to_owned())),
        }
    }

    /// As [`Seen::greeting`], with a limit.
    async fn greeted_within(&self, timeout: Duration) -> Result<(), Cause> {
        match tokio::time::timeout(timeout, self.greeting()).await {
            Ok(greeted) => greeted,
            Err(_) => Err(Cause::Silent(Limit::dial(timeout))),
        }
    }

    /// Waits for the SETTINGS frame with which every HTTP/2 server begins.
    async fn greeting(&self) -> Result<(), Cause> {
        loop {
            let changed = self.changed.notified();
            {
                let state = self.lock();
                if state.first.len() >= FRAME_HEADER {
                    return match words_of_another(&state.first) {
                        None => Ok(()),
                        Some(cause) => Err(cause),
                    };
                }
                if let Some(cause) = &state.tls {
                    return Err(cause.clone());
                }
                if state.ended {
                    return Err(match &state.first[..] {
                        [] => Cause::Closed,
                        words => words_of_another(words).unwrap_or(Cause::Closed),
                    });
                }
            }
            changed.await;
        }
    }
}

/// What the first words tell, where they are not those of HTTP/2.
pub fn words_of_another(words: &[u8]) -> Option<Cause> {
    match words {
        [_, _, _, SETTINGS, _, 0, 0, 0, 0, ..] => None,
        // An alert or a handshake record of TLS.
        [0x15 | 0x16, 3, ..] => Some(Cause::TlsExpected),
        _ => {
            let text = String::from_utf8_lossy(words);
            if text.contains("HTTP request to an HTTPS server") {
                return Some(Cause::TlsExpected);
            }
            let line: String = text
                .lines()
                .next()
                .unwrap_or_default()
                .chars()
                .take(40)
                .collect();
            Some(Cause::NotEtcd(line))
        }
    }
}

/// A byte stream whose first words are kept.
struct Watched<S> {
    io: S,
    /// How writing has failed.
    broken: Option<io::Error>,
    seen: Arc<Seen>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(cx, buf)).inspect_err(|e| self.seen.failed(e))?;
        let new = &buf.filled()[before..];
        if !new.is_empty() {
            self.seen.read(new);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> Watched<S> {
    /// Reads what the server has said before it hung up.
    fn last_words(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let mut bytes = [0; FIRST_WORDS];
            let mut buf = ReadBuf::new(&mut bytes);
            match ready!(Pin::new(&mut self.io).poll_read(cx, &mut buf)) {
                Ok(()) if buf.filled().is_empty() => return Poll::Ready(()),
                Ok(()) => self.seen.read(buf.filled()),
                Err(error) => {
                    self.seen.failed(&error);
                    return Poll::Ready(());
                }
            }
        }
    }

    /// A server that hangs up after its last words makes writing fail before these are read: the failure waits for
    /// them, which are there or never come.
    fn watch<T>(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut S>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if self.broken.is_none() {
            match ready!(write(Pin::new(&mut self.io), cx)) {
                Err(error) if is_hang_up(&error) => self.broken = Some(error),
                result => return Poll::Ready(result),
            }
        }
        ready!(self.last_words(cx));
        Poll::Ready(Err(match &self.broken {
            Some(error) => error
                .raw_os_error()
                .map_or_else(|| error.kind().into(), io::Error::from_raw_os_error),
            None => io::ErrorKind::BrokenPipe.into(),
        }))
    }
}

fn is_hang_up(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset
    )
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.watch(cx, |io, cx| io.poll_write(cx, buf))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.watch(cx, |io, cx| io.poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.watch(cx, |io, cx| io.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_words_tell_who_is_there() {
        assert_eq!(words_of_another(&[0, 0, 12, 4, 0, 0, 0, 0, 0, 1]), None);
        assert_eq!(
            words_of_another(&[0x15, 3, 1, 0, 2, 2, 70, 0, 0]),
            Some(Cause::TlsExpected)
        );
        assert_eq!(
            words_of_another(b"HTTP/1.1 400 Bad Request\r\nServer: x\r\n"),
            Some(Cause::NotEtcd("HTTP/1.1 400 Bad Request".into()))
        );
        assert_eq!(
            words_of_another(b"SSH-2.0-OpenSSH_9\r\n"),
            Some(Cause::NotEtcd("SSH-2.0-OpenSSH_9".into()))
        );
    }
}
