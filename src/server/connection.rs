//! One connection, from its first byte to its last: HTTP/2 and HTTP/1.1 on the same port, gRPC and
//! plain HTTP told apart by content type. Knows nothing of sockets.

use std::{
    convert::Infallible,
    future::poll_fn,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use http::{Request, Response, Version};
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch,
};

use super::{
    context::Peer,
    grpc::{Body, Services, dispatch},
    http::answer,
    lifecycle::Phase,
};
use crate::net::coalesce::coalesce;

/// A largest request and its head fit, so that a client never waits for a window in the middle of one.
const STREAM_WINDOW: u32 = 4 << 20;
const CONNECTION_WINDOW: u32 = 16 << 20;
/// Longest head of a request; h2's own 16 KiB are less than what some tokens take.
const HEAD_LIMIT: u32 = 256 << 10;
/// Requests that a client may cancel before they were looked at, until it loses its connection: a client
/// that gives up a burst of them at once has done nothing wrong, and h2's own 20 are soon reached.
const CANCELLED_UNSEEN: usize = 2000;
/// As etcd: a client that sends no head of an HTTP/1.1 request for so long is dropped.
const HEAD_TIMEOUT: Duration = Duration::from_secs(300);

/// Serves one connection until the client closes it or the server stops. What goes wrong concerns this
/// client alone.
pub async fn serve<S>(
    stream: S,
    peer: Peer,
    services: Arc<Services>,
    mut phase: watch::Receiver<Phase>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let config = &services.config;
    let inline = Inline::default();
    let mut builder = Builder::new(inline.clone());
    builder
        .http2()
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(config.max_concurrent_streams)
        .max_header_list_size(HEAD_LIMIT)
        .max_pending_accept_reset_streams(CANCELLED_UNSEEN)
        .max_send_buf_size(1 << 20)
        // Of use to caches only, and paid for in every answer.
        .auto_date_header(false)
        .keep_alive_interval(config.keepalive_interval)
        .keep_alive_timeout(config.keepalive_timeout);
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT);
    let service = hyper::service::service_fn(move |request| {
        let services = Arc::clone(&services);
        let peer = peer.clone();
        async move { Ok::<_, Infallible>(handle(&services, peer, request).await) }
    });
    let (stream, flush) = coalesce(stream);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let mut seen = Phase::Running;
    let mut ended = false;
    loop {
        let step = poll_fn(|cx| {
            inline.refill();
            ended = ended || connection.as_mut().poll(cx).is_ready();
            match flush.poll_flush(cx) {
                Poll::Ready(Ok(())) if !ended => Poll::Pending,
                Poll::Pending => Poll::Pending,
                Poll::Ready(_) => Poll::Ready(()),
            }
        });
        tokio::select! {
            () = step => return,
            next = phase.wait_for(|p| *p > seen) => match next.map(|p| *p) {
                Ok(Phase::Stopping) => {
                    seen = Phase::Stopping;
                    if !ended {
                        connection.as_mut().graceful_shutdown();
                    }
                }
                _ => return,
            },
        }
    }
}

/// Runs a request at once as far as it goes without waiting, which for a read of one key is to its end;
/// only what has to wait becomes a task of its own.
///
/// A connection that brings many requests at once gets only so many of them run in a row: the rest are
/// tasks, so that it does not keep the worker from others.
#[derive(Clone, Default)]
struct Inline {
    left: Arc<AtomicU32>,
}

/// Requests that run in a row.
const IN_A_ROW: u32 = 64;

impl Inline {
    fn refill(&self) {
        self.left.store(IN_A_ROW, Ordering::Relaxed);
    }

    fn take(&self) -> bool {
        // Only the task of this connection counts here, so that two steps are as good as one.
        let left = self.left.load(Ordering::Relaxed);
        self.left.store(left.saturating_sub(1), Ordering::Relaxed);
        left > 0
    }
}

impl<F> hyper::rt::Executor<F> for Inline
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, request: F) {
        if !self.take() {
            tokio::spawn(request);
            return;
        }
        let mut request = Box::pin(request);
        // Whatever would be woken is polled again as a task.
        let mut cx = Context::from_waker(Waker::noop());
        if request.as_mut().poll(&mut cx).is_pending() {
            tokio::spawn(request);
        }
    }
}

async fn handle(
    services: &Arc<Services>,
    peer: Peer,
    request: Request<Incoming>,
) -> Response<Body> {
    // As on etcd's plain port, HTTP/2 is for gRPC and HTTP/1.1 for everything else.
    let grpc = request.version() == Version::HTTP_2;
    if grpc {
        dispatch(services, peer, request).await
    } else {
        answer(services, peer, request).await
    }
}
