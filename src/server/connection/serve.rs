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
    sync::{mpsc, watch},
    task::unconstrained,
    time::sleep_until,
};

use super::{
    gate::Gate,
    monitor::{Monitor, Monitored, Open},
    replay::{Replay, catch_up, rehearse},
    requests::{Requests, Starter},
    standby::{Handshakes, Standby},
    turn::Turn,
};
use crate::{
    net::{
        coalesce::{Coalesced, Flush, coalesce},
        small_frames,
    },
    server::{
        config::Config,
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

/// What the HTTP library does at the beginning of connections with this configuration.
pub fn handshakes(config: Arc<Config>) -> Handshakes {
    Handshakes::new(config, |config, received| {
        let link = Link {
            peer: Peer::default(),
            secure: false,
            traffic: Traffic::Grpc,
        };
        let requests = Requests::new(Arc::default());
        let builder = builder(config, &link, requests.starter());
        // Never called, because there are no requests.
        let service = hyper::service::service_fn(async |_| {
            Ok::<_, Infallible>(Response::new(Body::default()))
        });
        rehearse(received, |stream| {
            builder.serve_connection(TokioIo::new(stream), service)
        })
    })
}

/// Serves a connection until the client closes it or is considered dead, or the server stops. Errors concern only this
/// client. `held` is dropped at the end.
///
/// This is not an async function, so that the stream is not part of the future: the future should be small, because many
/// connections only wait.
pub fn serve<S>(
    stream: S,
    link: Link,
    services: Arc<Services>,
    handshakes: Arc<Handshakes>,
    mut phase: watch::Receiver<Phase>,
    held: mpsc::Sender<()>,
) -> impl Future<Output = ()> + Send + 'static
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let gate = Arc::new(Gate::default());
    let (stream, monitor) = Monitor::new(
        stream,
        services.config.keepalive_min_time,
        services.core.answers(),
        Arc::clone(&gate),
    );
    let (stream, flush) = coalesce(stream);
    async move {
        let http1_only = !link.secure && matches!(link.traffic, Traffic::Http | Traffic::Metrics);
        let started = if http1_only {
            Some(Replay::new(stream, Vec::new(), Vec::new()))
        } else {
            let http2_only = link.traffic == Traffic::Grpc;
            let standby = Standby::new(stream, flush.clone(), monitor.clone(), handshakes);
            standby.wait(http2_only, HEAD_TIMEOUT, &mut phase).await
        };
        if let Some(stream) = started {
            Box::pin(serve_requests(
                stream, flush, monitor, gate, link, services, phase,
            ))
            .await;
        }
        drop(held);
    }
}

/// Serves a connection from its first request on.
async fn serve_requests<S>(
    stream: Replay<Coalesced<Monitored<S>>>,
    flush: Flush<Monitored<S>>,
    monitor: Monitor,
    gate: Arc<Gate>,
    link: Link,
    services: Arc<Services>,
    mut phase: watch::Receiver<Phase>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let config = Arc::clone(&services.config);
    let mut requests = Requests::new(gate);
    let builder = builder(&config, &link, requests.starter());
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
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let silence = config
        .keepalive_interval
        .map(|interval| interval + config.keepalive_timeout);
    let look_again = silence.unwrap_or(HEAD_TIMEOUT);
    let mut look = pin!(sleep_until((Instant::now() + HEAD_TIMEOUT).into()));
    let mut seen = Phase::Running;
    let mut ended = catch_up(connection.as_mut()).await;
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

fn builder(config: &Config, link: &Link, starter: Starter) -> Builder<Starter> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::{
        connection::{
            frames::{HEAD, HEADERS, Head},
            monitor::PREFACE,
        },
        unsent::NoHolder,
    };
    use tokio::{io::AsyncWriteExt as _, net::TcpStream};

    /// The size of the future that this function returns.
    fn size<A, B, C, D, E, G, F>(_: impl FnOnce(A, B, C, D, E, G) -> F) -> usize {
        size_of::<F>()
    }

    /// Far less than the library's connection, which has another 15 KiB of buffers besides.
    #[test]
    fn the_future_of_a_connection_is_small() {
        let bytes = size(serve::<TcpStream>);
        assert!(bytes <= 1024, "{bytes}");
    }

    const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
    const SETTINGS_ACK: &[u8] = &[0, 0, 0, 4, 1, 0, 0, 0, 0];
    /// A GET of `/` over HTTP.
    const REQUEST: &[u8] = &[0, 0, 3, 1, 5, 0, 0, 0, 1, 0x82, 0x84, 0x86];

    fn config() -> Config {
        let mut config = Config::new("unused");
        config.keepalive_interval = None;
        config
    }

    /// Makes a connection, sends these pieces, the next one whenever the server has nothing left to do, and returns what
    /// the server sends until it closes the connection or has nothing left to do. Without `standby`, the library starts
    /// as soon as the preface is complete.
    async fn exchange(
        config: &Config,
        traffic: Traffic,
        standby: bool,
        pieces: &[&[u8]],
    ) -> Vec<u8> {
        let config = Arc::new(config.clone());
        let handshakes = match standby {
            true => handshakes(Arc::clone(&config)),
            false => Handshakes::new(Arc::clone(&config), |_, _| Vec::new()),
        };
        let (mut client, server) = tokio::io::duplex(1 << 16);
        let (stream, monitor) = Monitor::new(
            server,
            config.keepalive_min_time,
            Arc::new(NoHolder),
            Arc::default(),
        );
        let (stream, flush) = coalesce(stream);
        let link = Link {
            peer: Peer::default(),
            secure: false,
            traffic,
        };
        let (_running, mut phase) = watch::channel(Phase::Running);
        let serving = async move {
            let standby = Standby::new(stream, flush.clone(), monitor, Arc::new(handshakes));
            let http2_only = traffic == Traffic::Grpc;
            let Some(stream) = standby.wait(http2_only, HEAD_TIMEOUT, &mut phase).await else {
                return;
            };
            let mut requests = Requests::new(Arc::default());
            let builder = builder(&config, &link, requests.starter());
            let service = hyper::service::service_fn(async |_| {
                Ok::<_, Infallible>(Response::new(Body::default()))
            });
            let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
            let mut ended = catch_up(connection.as_mut()).await;
            poll_fn(|cx| {
                requests.begin_turn();
                ended = ended || connection.as_mut().poll(cx).is_ready();
                requests.poll(cx);
                let flushed = flush.poll_flush(cx);
                match ended {
                    true => flushed.map(drop),
                    false => Poll::Pending,
                }
            })
            .await;
        };
        let mut serving = pin!(serving);
        let mut ended = false;
        let mut sent = Vec::new();
        for piece in pieces {
            // Fails if the server has closed the connection.
            let _ = client.write_all(piece).await;
            // A request and its response take several polls.
            for _ in 0..4 {
                tokio::task::yield_now().await;
                ended =
                    ended || poll_fn(|cx| Poll::Ready(serving.as_mut().poll(cx).is_ready())).await;
            }
            let mut space = [0; 4096];
            let mut buffer = tokio::io::ReadBuf::new(&mut space);
            let _ =
                poll_fn(|cx| Poll::Ready(Pin::new(&mut client).poll_read(cx, &mut buffer))).await;
            sent.extend_from_slice(buffer.filled());
        }
        sent.extend(if ended { &b"end"[..] } else { b"" });
        sent
    }

    /// Divides into frames, in an order that does not depend on when the window is updated.
    fn sorted(sent: &[u8]) -> Vec<&[u8]> {
        let mut rest = sent;
        let mut frames = Vec::new();
        while let Some(head) = rest.first_chunk() {
            let length = HEAD + Head::parse(*head).length;
            let (frame, others) = rest.split_at(length.min(rest.len()));
            frames.push(frame);
            rest = others;
        }
        frames.push(rest);
        frames.sort_unstable();
        frames
    }

    #[tokio::test]
    async fn the_greeting_is_that_of_the_library() {
        for change in [
            |_: &mut Config| {},
            |config: &mut Config| config.max_concurrent_streams = 7,
            |config: &mut Config| config.keepalive_interval = Some(Duration::from_secs(9)),
        ] {
            let mut config = config();
            change(&mut config);
            let pieces = [PREFACE, SETTINGS];
            let ours = exchange(&config, Traffic::Both, true, &pieces).await;
            let library = exchange(&config, Traffic::Both, false, &pieces).await;
            assert_eq!(ours, library);
            let streams = [&[0, 3][..], &config.max_concurrent_streams.to_be_bytes()].concat();
            assert!(ours.windows(6).any(|setting| setting == streams));
            assert!(ours.ends_with(SETTINGS_ACK));
        }
        // Without a client, too, if it can only be HTTP/2.
        let ours = exchange(&config(), Traffic::Grpc, true, &[b""]).await;
        assert_eq!(
            ours,
            exchange(&config(), Traffic::Grpc, false, &[b""]).await
        );
        assert!(!ours.is_empty());
        assert!(
            exchange(&config(), Traffic::Both, true, &[b""])
                .await
                .is_empty()
        );
    }

    #[tokio::test]
    async fn a_client_cannot_tell_when_the_library_starts() {
        let setting = |id: u8, value: u32| {
            let mut frame = vec![0, 0, 6, 4, 0, 0, 0, 0, 0, 0, id];
            frame.extend(value.to_be_bytes());
            frame
        };
        let window = |stream: u8, increment: u32| {
            let mut frame = vec![0, 0, 4, 8, 0, 0, 0, 0, stream];
            frame.extend(increment.to_be_bytes());
            frame
        };
        let ping = |flags: u8| [&[0, 0, 8, 6, flags, 0, 0, 0, 0][..], b"payload!"].concat();
        let (ack, request) = (SETTINGS_ACK.to_vec(), REQUEST.to_vec());
        let usual = setting(4, 1 << 20);
        // What clients do.
        let valid: Vec<Vec<Vec<u8>>> = vec![
            vec![SETTINGS.to_vec(), request.clone()],
            vec![
                usual.clone(),
                ack.clone(),
                window(0, 1 << 20),
                request.clone(),
            ],
            vec![
                usual.clone(),
                window(0, 99),
                ack.clone(),
                ping(0),
                ping(1),
                request.clone(),
            ],
            vec![
                usual.clone(),
                ping(0),
                window(0, 5),
                ping(0),
                ack.clone(),
                request.clone(),
            ],
            vec![usual.clone(), setting(5, 20_000), request.clone()],
            vec![
                usual.clone(),
                vec![0, 0, 3, 0x42, 0, 0, 0, 0, 0, 1, 2, 3],
                request.clone(),
            ],
        ];
        // What they may not do, although the library tolerates some of it.
        let invalid = vec![
            vec![request.clone()],
            vec![ping(0), request.clone()],
            vec![ack.clone(), request.clone()],
            vec![window(0, 1), request.clone()],
            vec![setting(2, 2), request.clone()],
            vec![setting(4, 1 << 31), request.clone()],
            vec![setting(5, 1), request.clone()],
            vec![vec![0, 0, 0, 4, 0, 0, 0, 0, 1], request.clone()],
            vec![
                vec![0, 0, 5, 4, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5],
                request.clone(),
            ],
            vec![usual.clone(), ack.clone(), ack.clone(), request.clone()],
            vec![
                usual.clone(),
                vec![0, 0, 6, 4, 1, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6],
                request.clone(),
            ],
            vec![usual.clone(), window(0, 0), request.clone()],
            vec![usual.clone(), window(0, u32::MAX >> 1), request.clone()],
            vec![usual.clone(), window(1, 1), request.clone()],
            vec![
                usual.clone(),
                vec![0, 0, 7, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7],
                request.clone(),
            ],
            vec![usual.clone(), vec![0xff; 9], request.clone()],
        ];
        let valid = valid.into_iter().map(|frames| (true, frames));
        let invalid = invalid.into_iter().map(|frames| (false, frames));
        let config = config();
        for (is_valid, frames) in valid.chain(invalid) {
            for traffic in [Traffic::Both, Traffic::Grpc] {
                let all = [PREFACE, &frames.concat()].concat();
                // The library processes each frame before it sees the next.
                let mut pieces = vec![PREFACE];
                pieces.extend(frames.iter().map(Vec::as_slice));
                let wanted = exchange(&config, traffic, false, &pieces).await;
                let is_answered = |sent: &[u8]| {
                    let heads = sorted(sent).into_iter().filter_map(|f| f.first_chunk());
                    heads
                        .map(|head| Head::parse(*head).kind)
                        .any(|kind| kind == HEADERS)
                };
                assert!(is_answered(&wanted) || !is_valid, "{frames:?}");
                let step_by_step = exchange(&config, traffic, true, &pieces).await;
                assert_eq!(sorted(&step_by_step), sorted(&wanted), "{frames:?}");
                for cut in 0..all.len() {
                    let (one, two) = all.split_at(cut);
                    let got = exchange(&config, traffic, true, &[one, two]).await;
                    // The preface always arrives before the rest; otherwise it depends on chance whether the library
                    // updates the window before it ends an invalid connection.
                    let (start, end) = (cut.min(PREFACE.len()), cut.max(PREFACE.len()));
                    let pieces = [&all[..start], &all[start..end], &all[end..]];
                    let wanted = exchange(&config, traffic, false, &pieces).await;
                    assert_eq!(sorted(&got), sorted(&wanted), "{frames:?} cut at {cut}");
                }
                let bytes: Vec<_> = all.chunks(1).collect();
                let wanted = exchange(&config, traffic, false, &bytes).await;
                let got = exchange(&config, traffic, true, &bytes).await;
                assert_eq!(sorted(&got), sorted(&wanted), "{frames:?} in bytes");
            }
        }
    }

    /// Without the time in the header.
    fn undated(sent: &[u8]) -> String {
        let sent = String::from_utf8_lossy(sent);
        let lines = sent.split("\r\n");
        let lines: Vec<_> = lines.filter(|line| !line.starts_with("date: ")).collect();
        lines.join("\r\n")
    }

    #[tokio::test]
    async fn http_1_and_garbage_are_left_to_the_library() {
        for bytes in [
            &b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n"[..],
            b"PRI * HTTP/1.1\r\n\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\r",
            b"\x16\x03\x01",
        ] {
            for cut in 0..bytes.len() {
                let (one, two) = bytes.split_at(cut);
                let wanted = exchange(&config(), Traffic::Both, false, &[one, two]).await;
                let got = exchange(&config(), Traffic::Both, true, &[one, two]).await;
                let [got, wanted] = [got, wanted].map(|sent| undated(&sent));
                assert_eq!(got, wanted, "{bytes:?} cut at {cut}");
            }
        }
        let request = b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n";
        let got = exchange(&config(), Traffic::Both, true, &[request]).await;
        assert!(got.starts_with(b"HTTP/1.1 200 OK"));
    }
}
