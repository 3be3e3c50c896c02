//! Serves one connection: HTTP/2 and HTTP/1.1 on the same port.

use std::{
    convert::Infallible,
    future::poll_fn,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Request, Response, Version, header};
use http_body::Frame;
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch,
    task::unconstrained,
    time::sleep_until,
};

use super::{
    gate::Gate,
    monitor::{Monitor, Open},
    requests::{Requests, Starter},
    turn::Turn,
};
use crate::{
    net::{coalesce::coalesce, small_frames},
    server::{
        context::Peer,
        grpc::{Body, Services, dispatch},
        http::{self as plain, Caller},
        lifecycle::Phase,
        woken::Rounds,
    },
};

/// What is known about a connection besides its bytes.
#[derive(Clone, Debug)]
pub struct Link {
    /// The peer.
    pub peer: Peer,
    /// Whether it is encrypted.
    pub secure: bool,
    /// The protocols that it accepts.
    pub traffic: Traffic,
}

/// The protocols that a listener accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Traffic {
    /// gRPC and HTTP.
    Both,
    /// gRPC only.
    Grpc,
    /// HTTP only.
    Http,
    /// Metrics and health checks only.
    Metrics,
}

impl Traffic {
    /// The name in etcd's log.
    pub fn name(self) -> &'static str {
        match self {
            Traffic::Both => "grpc+http",
            Traffic::Grpc => "grpc",
            Traffic::Http => "http",
            Traffic::Metrics => "metrics",
        }
    }
}

/// Number of bytes that a client may send on one stream before the server has read them; four times as many as etcd
/// allows at first. Limited so that a client may send a burst of small messages, such as those that keep leases alive.
const STREAM_WINDOW: u32 = 256 << 10;
/// Number of bytes that a client may send on all streams before the server has read them.
const CONNECTION_WINDOW: u32 = 32 << 20;
const _: () = assert!(small_frames::fit(STREAM_WINDOW, CONNECTION_WINDOW));
/// Maximum size of request headers. h2's default of 16 KiB is too small for some tokens.
const HEAD_LIMIT: u32 = 256 << 10;
/// Number of requests that a client may cancel before they are processed, before its connection is closed. A client
/// that abandons a burst of requests does nothing wrong, and would soon reach h2's default of 20.
const CANCELLED_UNSEEN: usize = 2000;
/// As in etcd, a connection is closed if it takes this long to send HTTP/1.1 request headers.
const HEAD_TIMEOUT: Duration = Duration::from_secs(300);

/// Serves a connection until the client closes it or is considered dead, or the server stops. Errors concern only this
/// client.
pub async fn serve<S>(
    stream: S,
    link: Link,
    services: Arc<Services>,
    mut phase: watch::Receiver<Phase>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let config = Arc::clone(&services.config);
    let gate = Arc::new(Gate::default());
    let mut requests = Requests::new(Arc::clone(&gate));
    let builder = builder(&services, &link, requests.starter());
    let (stream, monitor) = Monitor::new(
        stream,
        config.keepalive_min_time,
        services.core.answers(),
        gate,
    );
    let watched = monitor.clone();
    let link = Arc::new(link);
    let service = hyper::service::service_fn(move |request| {
        let services = Arc::clone(&services);
        let link = Arc::clone(&link);
        let mut open = monitor.open();
        async move {
            let response = handle(&services, &link, request).await;
            Ok::<_, Infallible>(response.map(|body| {
                if body.is_complete() {
                    open.answered();
                }
                Counted { body, _open: open }
            }))
        }
    });
    let (stream, flush) = coalesce(stream);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let silence = config
        .keepalive_interval
        .map(|interval| interval + config.keepalive_timeout);
    let look_again = silence.unwrap_or(HEAD_TIMEOUT);
    let mut look = pin!(sleep_until((Instant::now() + HEAD_TIMEOUT).into()));
    let mut seen = Phase::Running;
    let mut ended = false;
    let mut turn = Turn::default();
    let mut rounds = Rounds::default();
    loop {
        let step = poll_fn(|cx| {
            requests.begin_turn();
            rounds.poll(cx, |cx| {
                ended = ended || connection.as_mut().poll(cx).is_ready();
                requests.poll(cx)
            });
            // Other requests of this connection may be about to complete, so that all responses can be sent together.
            if !ended && !flush.is_empty() && watched.is_busy() {
                ready!(turn.poll(cx));
            }
            // The requests may have used up the budget of this task.
            match pin!(unconstrained(poll_fn(|cx| flush.poll_flush(cx)))).poll(cx) {
                Poll::Ready(Ok(())) if !ended => Poll::Pending,
                Poll::Pending => Poll::Pending,
                Poll::Ready(_) => Poll::Ready(()),
            }
        });
        tokio::select! {
            () = step => return,
            () = look.as_mut() => match watched.dead_at(silence, HEAD_TIMEOUT) {
                Some(at) if at <= Instant::now() => return,
                at => {
                    let next = at.unwrap_or_else(|| Instant::now() + look_again);
                    look.as_mut().reset(next.into());
                }
            },
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

fn builder(services: &Services, link: &Link, starter: Starter) -> Builder<Starter> {
    let config = &services.config;
    let mut builder = Builder::new(starter);
    builder
        .http2()
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(config.max_concurrent_streams)
        .max_header_list_size(HEAD_LIMIT)
        .max_pending_accept_reset_streams(CANCELLED_UNSEEN)
        .max_send_buf_size(1 << 20)
        // Useful only for caches, and a cost in every response.
        .auto_date_header(false)
        .keep_alive_interval(config.keepalive_interval)
        .keep_alive_timeout(config.keepalive_timeout);
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT);
    match link.traffic {
        Traffic::Both => builder,
        Traffic::Grpc => builder.http2_only(),
        Traffic::Http | Traffic::Metrics if link.secure => builder,
        Traffic::Http | Traffic::Metrics => builder.http1_only(),
    }
}

/// A response body. Its request counts as open as long as it exists.
struct Counted {
    body: Body,
    _open: Open,
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}

async fn handle(
    services: &Arc<Services>,
    link: &Link,
    request: Request<Incoming>,
) -> Response<Body> {
    // Boxed, so that an open stream does not keep the memory that its request needed at the start.
    if is_grpc(link, &request) {
        return Box::pin(dispatch(services, link.peer.clone(), link.secure, request)).await;
    }
    let caller = Caller {
        peer: link.peer.clone(),
        secure: link.secure,
        metrics_only: link.traffic == Traffic::Metrics,
    };
    Box::pin(plain::answer(services, caller, request)).await
}

/// On etcd's plain-text port, HTTP/2 is for gRPC and HTTP/1.1 for everything else. With TLS, the content type decides
/// (etcd v3.7.1, server/embed/serve.go, `grpcHandlerFunc`).
fn is_grpc(link: &Link, request: &Request<Incoming>) -> bool {
    if request.version() != Version::HTTP_2 {
        return false;
    }
    match link.traffic {
        Traffic::Grpc => true,
        Traffic::Http | Traffic::Metrics => false,
        Traffic::Both if !link.secure => true,
        Traffic::Both => {
            const GRPC: &[u8] = b"application/grpc";
            let content_type = request.headers().get(header::CONTENT_TYPE);
            content_type.is_some_and(|v| v.as_bytes().windows(GRPC.len()).any(|w| w == GRPC))
        }
    }
}
