//! Observes the bytes of a connection: when the client last sent something, whether it reads what is sent, and how
//! often it pings. Only reports; the connection decides what to do.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    frames::{ACK, DATA, Frames, HEADERS, PING, too_many_pings},
    pings::Pings,
};

/// What an HTTP/2 client sends first.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Observations about a connection.
#[derive(Clone)]
pub struct Monitor(Arc<Mutex<MonitorState>>);

struct MonitorState {
    opened: Instant,
    /// When the client last sent something.
    heard: Option<Instant>,
    /// Since when the client has not been reading.
    blocked: Option<Instant>,
    protocol: Protocol,
    pings: Pings,
    too_many_pings: bool,
    /// Id of the last stream that the client has opened.
    last_stream: u32,
    /// Number of requests in progress.
    open: usize,
}

enum Protocol {
    /// This many bytes of HTTP/2's preface have arrived, and nothing else.
    Unknown(usize),
    Http1,
    Http2 {
        inbound: Frames,
        outbound: Frames,
    },
}

/// A stream whose bytes are observed.
pub struct Monitored<S> {
    stream: S,
    monitor: Monitor,
}

/// A request in progress, until this is dropped.
pub struct Open(Monitor);

impl Monitor {
    /// Observes `stream`, whose client may ping once per `min_time`.
    pub fn new<S>(stream: S, min_time: Duration) -> (Monitored<S>, Monitor) {
        let monitor = Monitor(Arc::new(Mutex::new(MonitorState {
            opened: Instant::now(),
            heard: None,
            blocked: None,
            protocol: Protocol::Unknown(0),
            pings: Pings::new(min_time),
            too_many_pings: false,
            last_stream: 0,
            open: 0,
        })));
        let monitored = Monitored {
            stream,
            monitor: monitor.clone(),
        };
        (monitored, monitor)
    }

    /// Registers a request in progress.
    pub fn open(&self) -> Open {
        self.0.lock().open += 1;
        Open(self.clone())
    }

    /// Whether any request is in progress.
    pub fn is_busy(&self) -> bool {
        self.0.lock().open > 0
    }

    /// The time at which the client will be considered dead if it does nothing until then. Over HTTP/2, where it is
    /// pinged, this is after it has sent nothing for `silence`; over HTTP/1.1, after it has read nothing for that long.
    /// A client that has not sent anything yet has `first`. `None`: never, in the current state.
    pub fn dead_at(&self, silence: Option<Duration>, first: Duration) -> Option<Instant> {
        let seen = self.0.lock();
        let Some(heard) = seen.heard else {
            return Some(seen.opened + first);
        };
        let since = match seen.protocol {
            Protocol::Http2 { .. } => heard,
            _ => seen.blocked?,
        };
        Some(since + silence?)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.0.lock().open -= 1;
    }
}

impl MonitorState {
    fn received(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let now = Instant::now();
        self.heard = Some(now);
        if let Protocol::Unknown(have) = self.protocol {
            let rest = &PREFACE[have..];
            let compared = rest.len().min(bytes.len());
            self.protocol = if rest[..compared] != bytes[..compared] {
                Protocol::Http1
            } else if compared < rest.len() {
                Protocol::Unknown(have + compared)
            } else {
                Protocol::Http2 {
                    inbound: Frames::after(compared),
                    outbound: Frames::default(),
                }
            };
        }
        let Protocol::Http2 { inbound, .. } = &mut self.protocol else {
            return;
        };
        let (pings, open, too_many) = (&mut self.pings, self.open, &mut self.too_many_pings);
        let last_stream = &mut self.last_stream;
        inbound.feed(bytes, |head| match head.kind {
            PING if head.flags & ACK == 0 => *too_many |= pings.received(now, open),
            HEADERS => *last_stream = head.stream.max(*last_stream),
            _ => {}
        });
    }

    /// The last frame for a client that pings too often, once the previous frame has been sent completely.
    fn goaway_frame(&self) -> Option<Vec<u8>> {
        match &self.protocol {
            Protocol::Http2 { outbound, .. } if self.too_many_pings && outbound.at_boundary() => {
                Some(too_many_pings(self.last_stream))
            }
            _ => None,
        }
    }

    fn sent(&mut self, bytes: &[u8]) {
        self.blocked = None;
        if let Protocol::Http2 { outbound, .. } = &mut self.protocol {
            let pings = &mut self.pings;
            outbound.feed(bytes, |head| {
                if matches!(head.kind, DATA | HEADERS) {
                    pings.sent();
                }
            });
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Monitored<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if let Poll::Ready(Ok(())) = read {
            self.monitor.0.lock().received(&buffer.filled()[before..]);
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Monitored<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        let mut seen = self.monitor.0.lock();
        match &written {
            Poll::Ready(Ok(size)) => seen.sent(&bytes[..*size]),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => {
                seen.blocked.get_or_insert_with(Instant::now);
            }
        }
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        let mut seen = self.monitor.0.lock();
        match &written {
            Poll::Ready(Ok(size)) => {
                let mut left = *size;
                for piece in pieces {
                    let part = left.min(piece.len());
                    seen.sent(&piece[..part]);
                    left -= part;
                }
            }
            Poll::Ready(Err(_)) => {}
            Poll::Pending => {
                seen.blocked.get_or_insert_with(Instant::now);
            }
        }
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Fails, and thereby ends the connection, once the client has pinged too often and has been told so.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let goaway_frame = self.monitor.0.lock().goaway_frame();
        let Some(goaway_frame) = goaway_frame else {
            return Pin::new(&mut self.stream).poll_flush(cx);
        };
        // If the client does not read these few bytes, close the connection without sending them.
        let _ = Pin::new(&mut self.stream).poll_write(cx, &goaway_frame);
        let _ = Pin::new(&mut self.stream).poll_flush(cx);
        Poll::Ready(Err(io::Error::other("too many pings")))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    const SILENCE: Option<Duration> = Some(Duration::from_secs(100));
    const FIRST: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn a_client_is_dead_when_it_is_silent_for_too_long() {
        let (mut client, server) = tokio::io::duplex(1 << 16);
        let (mut server, monitor) = Monitor::new(server, Duration::from_secs(5));
        let opened = monitor.0.lock().opened;
        assert_eq!(monitor.dead_at(SILENCE, FIRST), Some(opened + FIRST));
        let mut buffer = [0; 64];
        for piece in [&PREFACE[..10], &PREFACE[10..], &[0, 0, 0, 4, 0, 0, 0, 0, 0]] {
            client.write_all(piece).await.unwrap();
            let size = server.read(&mut buffer).await.unwrap();
            assert_eq!(size, piece.len());
        }
        let heard = monitor.0.lock().heard.unwrap();
        assert_eq!(
            monitor.dead_at(SILENCE, FIRST),
            Some(heard + Duration::from_secs(100))
        );
        assert_eq!(monitor.dead_at(None, FIRST), None);
    }

    #[tokio::test]
    async fn a_client_of_http_1_is_dead_when_it_reads_nothing() {
        let (mut client, server) = tokio::io::duplex(16);
        let (mut server, monitor) = Monitor::new(server, Duration::from_secs(5));
        client.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
        let mut buffer = [0; 64];
        server.read_exact(&mut buffer[..16]).await.unwrap();
        assert_eq!(monitor.dead_at(SILENCE, FIRST), None);
        let write = server.write_all(&[7; 64]);
        assert!(
            tokio::time::timeout(Duration::from_millis(10), write)
                .await
                .is_err()
        );
        assert!(monitor.dead_at(SILENCE, FIRST).is_some());
        client.read_exact(&mut buffer[..16]).await.unwrap();
        server.write_all(&[7; 8]).await.unwrap();
        assert_eq!(monitor.dead_at(SILENCE, FIRST), None);
    }

    #[tokio::test]
    async fn pings_are_counted_against_open_requests() {
        let (mut client, server) = tokio::io::duplex(1 << 16);
        let (mut server, monitor) = Monitor::new(server, Duration::ZERO);
        let mut bytes = PREFACE.to_vec();
        let ping = [0, 0, 8, PING, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
        (0..10).for_each(|_| bytes.extend(ping));
        let mut buffer = vec![0; bytes.len()];
        let open = monitor.open();
        client.write_all(&bytes).await.unwrap();
        server.read_exact(&mut buffer).await.unwrap();
        let too_many = || monitor.0.lock().too_many_pings;
        assert!(!too_many(), "each may come after no time");
        drop(open);
        client.write_all(&ping).await.unwrap();
        client.write_all(&ping).await.unwrap();
        client.write_all(&ping).await.unwrap();
        server
            .read_exact(&mut buffer[..3 * ping.len()])
            .await
            .unwrap();
        assert!(too_many());
        // A frame has been sent only in part; the last frame must wait for the rest.
        server.write_all(&[0, 0, 1, DATA]).await.unwrap();
        server.flush().await.unwrap();
        server.write_all(&[0, 0, 0, 0, 1, 9]).await.unwrap();
        server.flush().await.unwrap_err();
        let mut sent = vec![0; 10 + 17 + 14];
        client.read_exact(&mut sent).await.unwrap();
        assert!(sent.ends_with(b"too_many_pings"));
    }
}
