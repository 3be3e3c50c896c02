//! Observes the bytes of a connection: when the client last sent something, whether it takes its answers, and how often
//! it pings. Ends a connection only by failing its reads and writes.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Weak},
    task::{Context, Poll, Waker, ready},
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    backlog::Backlog,
    frames::{ACK, DATA, END_STREAM, Frames, HEADERS, PING, RST_STREAM, too_many_pings},
    gate::Gate,
    pings::Pings,
};
use crate::server::unsent::{Holder, Unsent};

/// What an HTTP/2 client sends first.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

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
    backlog: Backlog,
    /// What counts the memory of the backlog.
    holder: Arc<dyn Holder>,
    /// The task that reads, if the connection may have to be ended.
    reader: Option<Waker>,
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
    gate: Arc<Gate>,
}

/// A request in progress, until this is dropped.
pub struct Open {
    monitor: Monitor,
    answered: bool,
}

impl Monitor {
    /// Observes `stream`, whose client may ping once per `min_time`. `holder` counts the memory of small answers that are
    /// not taken; `gate` says when to read.
    pub fn new<S>(
        stream: S,
        min_time: Duration,
        holder: Arc<dyn Holder>,
        gate: Arc<Gate>,
    ) -> (Monitored<S>, Monitor) {
        let monitor = Monitor(Arc::new(Mutex::new(MonitorState {
            opened: Instant::now(),
            heard: None,
            blocked: None,
            protocol: Protocol::Unknown(0),
            pings: Pings::new(min_time),
            too_many_pings: false,
            last_stream: 0,
            open: 0,
            backlog: Backlog::default(),
            holder,
            reader: None,
        })));
        let monitored = Monitored {
            stream,
            monitor: monitor.clone(),
            gate,
        };
        (monitored, monitor)
    }

    /// Registers a request in progress.
    pub fn open(&self) -> Open {
        self.0.lock().open += 1;
        Open {
            monitor: self.clone(),
            answered: false,
        }
    }

    /// Whether any request is in progress.
    pub fn is_busy(&self) -> bool {
        self.0.lock().open > 0
    }

    /// The time at which the client will be considered dead if it does nothing until then. Over HTTP/2, where it is
    /// pinged, this is after it has sent nothing for `silence`; over HTTP/1.1, after it has read nothing for that long.
    /// A client whose protocol is not known yet has `first`. `None`: never, in the current state.
    pub fn dead_at(&self, silence: Option<Duration>, first: Duration) -> Option<Instant> {
        let seen = self.0.lock();
        let since = match seen.protocol {
            Protocol::Unknown(_) => return Some(seen.opened + first),
            Protocol::Http1 => seen.blocked?,
            Protocol::Http2 { .. } => seen.heard.unwrap_or(seen.opened),
        };
        Some(since + silence?)
    }
}

impl Open {
    /// The request has a complete answer, which the client has yet to take. To be called once.
    pub fn answered(&mut self) {
        self.answered = true;
        let holder = {
            let mut seen = self.monitor.0.lock();
            let before = seen.backlog.held();
            let short = seen.holder.is_short();
            let first = seen.backlog.added(short);
            seen.account(before);
            first.then(|| Arc::clone(&seen.holder))
        };
        if let Some(holder) = holder {
            let connection: Weak<Mutex<MonitorState>> = Arc::downgrade(&self.monitor.0);
            holder.watch(connection);
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut seen = self.monitor.0.lock();
        seen.open -= 1;
        if self.answered {
            let before = seen.backlog.held();
            seen.backlog.taken();
            seen.account(before);
        }
    }
}

/// All small answers of a connection together.
impl Unsent for Mutex<MonitorState> {
    fn stalled(&self) -> Duration {
        self.lock().backlog.stalled()
    }

    fn discard(&self) {
        let mut seen = self.lock();
        seen.backlog.give_up();
        let reader = seen.reader.take();
        drop(seen);
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}

impl Drop for MonitorState {
    fn drop(&mut self) {
        self.holder.release(self.backlog.held());
    }
}

impl MonitorState {
    /// Tells the holder how the memory of the backlog has changed since it was `before`.
    fn account(&self, before: usize) {
        let now = self.backlog.held();
        if now > before {
            self.holder.hold(now - before);
        } else if now < before {
            self.holder.release(before - now);
        }
    }

    /// # Errors
    /// The client does not take its answers.
    fn check_backlog(&self) -> io::Result<()> {
        match self.backlog.is_given_up() {
            true => Err(io::Error::other("the client does not take its answers")),
            false => Ok(()),
        }
    }

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
        let backlog = &mut self.backlog;
        inbound.feed(bytes, |head| match head.kind {
            PING if head.flags & ACK == 0 => *too_many |= pings.received(now, open),
            HEADERS if head.stream > *last_stream => {
                *last_stream = head.stream;
                backlog.opened();
            }
            RST_STREAM => backlog.ended(),
            _ => {}
        });
        let before = self.backlog.held();
        let (blocked, short) = (
            self.blocked.map(|since| now - since),
            self.holder.is_short(),
        );
        self.backlog.check_queue(self.open, blocked, short);
        self.account(before);
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
            let (pings, backlog) = (&mut self.pings, &mut self.backlog);
            outbound.feed(bytes, |head| match head.kind {
                DATA | HEADERS => {
                    pings.sent();
                    if head.flags & END_STREAM != 0 {
                        backlog.ended();
                    }
                }
                RST_STREAM => backlog.ended(),
                _ => {}
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
        ready!(self.gate.poll_read(cx));
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        let mut seen = self.monitor.0.lock();
        match read {
            Poll::Ready(Ok(())) => seen.received(&buffer.filled()[before..]),
            Poll::Pending if seen.backlog.is_long() => seen.reader = Some(cx.waker().clone()),
            _ => {}
        }
        seen.check_backlog()?;
        drop(seen);
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Monitored<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.monitor.0.lock().check_backlog()?;
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
        self.monitor.0.lock().check_backlog()?;
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
        let seen = self.monitor.0.lock();
        seen.check_backlog()?;
        let goaway_frame = seen.goaway_frame();
        drop(seen);
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
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    const SILENCE: Option<Duration> = Some(Duration::from_secs(100));
    const FIRST: Duration = Duration::from_secs(10);

    #[derive(Debug, Default)]
    struct Count {
        bytes: AtomicUsize,
        watched: Mutex<Vec<Weak<dyn Unsent>>>,
    }

    impl Holder for Count {
        fn hold(&self, bytes: usize) {
            self.bytes.fetch_add(bytes, Ordering::Relaxed);
        }

        fn release(&self, bytes: usize) {
            self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        }

        fn is_short(&self) -> bool {
            false
        }

        fn watch(&self, answers: Weak<dyn Unsent>) {
            self.watched.lock().push(answers);
        }
    }

    fn holder() -> Arc<Count> {
        Arc::default()
    }

    #[tokio::test]
    async fn answers_that_are_not_taken_are_counted_and_can_end_the_connection() {
        let (_client, server) = tokio::io::duplex(1 << 16);
        let count = holder();
        let (mut server, monitor) =
            Monitor::new(server, Duration::ZERO, count.clone(), Arc::default());
        let held = || count.bytes.load(Ordering::Relaxed);
        let mut answers = Vec::new();
        for _ in 0..1050 {
            let mut open = monitor.open();
            open.answered();
            answers.push(open);
        }
        let most = held();
        assert!(most > 1_000_000);
        let watched = count.watched.lock()[..].to_vec();
        let [connection] = &watched[..] else {
            panic!("{}", watched.len());
        };
        let connection = connection.upgrade().unwrap();
        answers.truncate(500);
        assert!(held() < most);
        // A read that is waiting fails.
        let mut buffer = [0; 8];
        let read = server.read(&mut buffer);
        let (read, ()) = tokio::join!(read, async { connection.discard() });
        assert!(read.is_err());
        assert!(server.write_all(b"more").await.is_err());
        answers.clear();
        assert_eq!(held(), 0);
    }

    #[tokio::test]
    async fn a_client_is_dead_when_it_is_silent_for_too_long() {
        let (mut client, server) = tokio::io::duplex(1 << 16);
        let (mut server, monitor) =
            Monitor::new(server, Duration::from_secs(5), holder(), Arc::default());
        let opened = monitor.0.lock().opened;
        assert_eq!(monitor.dead_at(SILENCE, FIRST), Some(opened + FIRST));
        let mut buffer = [0; 64];
        for piece in [&PREFACE[..10], &PREFACE[10..], &[0, 0, 0, 4, 0, 0, 0, 0, 0]] {
            client.write_all(piece).await.unwrap();
            let size = server.read(&mut buffer).await.unwrap();
            assert_eq!(size, piece.len());
            // The beginning of the preface does not end the time that the client has for the rest.
            let unknown = matches!(monitor.0.lock().protocol, Protocol::Unknown(_));
            if unknown {
                assert_eq!(monitor.dead_at(SILENCE, FIRST), Some(opened + FIRST));
            }
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
        let (mut server, monitor) =
            Monitor::new(server, Duration::from_secs(5), holder(), Arc::default());
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
        let (mut server, monitor) = Monitor::new(server, Duration::ZERO, holder(), Arc::default());
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
