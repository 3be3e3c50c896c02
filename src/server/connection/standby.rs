//! A connection before its first request. The HTTP library takes about 16 KiB even for a connection that does nothing, so
//! it is started when something arrives that only it can handle. Until then the connection takes a tenth of that.
//!
//! This file does not contain the rules of HTTP/2. What a client is sent and what it may send are found out by running the
//! library in memory; only pings are answered here.

use std::{
    collections::VecDeque,
    future::poll_fn,
    io,
    mem::MaybeUninit,
    pin::{Pin, pin},
    sync::{Arc, OnceLock},
    task::{Context, Poll, Waker, ready},
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::watch,
    time::sleep_until,
};

use super::{
    frames::{ACK, Frames, HEAD, Head, PING, SETTINGS, WINDOW_UPDATE},
    monitor::{Monitor, Monitored, PREFACE},
    replay::Replay,
};
use crate::{
    net::coalesce::{Coalesced, Flush},
    server::{config::Config, lifecycle::Phase},
};

/// Maximum number of bytes that are kept of what a client has sent. The library starts when there are more; clients send
/// fewer than 100 before their first request.
const KEPT: usize = 256;
/// Number of bytes read at a time.
const READ: usize = 4096;
/// Number of beginnings that are remembered. Clients of one kind all begin with the same bytes.
const KNOWN: usize = 32;

/// Runs the library in memory and returns what it writes when a client sends these bytes.
type Rehearse = fn(&Config, &[u8]) -> Vec<u8>;

/// What the library does at the beginning of a connection.
#[derive(Debug)]
pub struct Handshakes {
    config: Arc<Config>,
    rehearse: Rehearse,
    greeting: OnceLock<Option<Greeting>>,
    /// Beginnings that the library accepts without a word besides the greeting.
    known: Mutex<VecDeque<Box<[u8]>>>,
}

/// What the library writes at first, after the preface, and after the client's settings.
type Greeting = [Vec<u8>; 3];

impl Handshakes {
    /// Finds out with `rehearse` what is not known yet.
    pub fn new(config: Arc<Config>, rehearse: Rehearse) -> Handshakes {
        Handshakes {
            config,
            rehearse,
            greeting: OnceLock::new(),
            known: Mutex::default(),
        }
    }

    /// `None` if the library writes something unexpected. It then has to start at once.
    fn greeting(&self) -> Option<&Greeting> {
        self.greeting.get_or_init(|| self.record()).as_ref()
    }

    fn record(&self) -> Option<Greeting> {
        const EMPTY_SETTINGS: [u8; HEAD] = [0, 0, 0, SETTINGS, 0, 0, 0, 0, 0];
        let mut greeting = Greeting::default();
        let (mut received, mut sent) = (Vec::new(), Vec::new());
        for (part, next) in greeting.iter_mut().zip([&[], PREFACE, &EMPTY_SETTINGS]) {
            received.extend(next);
            let all = (self.rehearse)(&self.config, &received);
            *part = all.strip_prefix(&sent[..])?.to_vec();
            sent = all;
        }
        let (mut frames, mut heads) = (Frames::default(), Vec::new());
        frames.feed(&sent, |head| heads.push((head.kind, head.flags)));
        let is_usual = heads == [(SETTINGS, 0), (WINDOW_UPDATE, 0), (SETTINGS, ACK)];
        (is_usual && frames.at_boundary()).then_some(greeting)
    }

    /// Whether the library, if a client begins with these bytes, sends exactly `wanted`.
    fn accepts(&self, received: &[u8], wanted: &[Vec<u8>]) -> bool {
        if received == PREFACE || self.known.lock().iter().any(|known| **known == *received) {
            return true;
        }
        let is_accepted = (self.rehearse)(&self.config, received) == wanted.concat();
        if is_accepted {
            let mut known = self.known.lock();
            known.truncate(KNOWN - 1);
            known.push_front(received.into());
        }
        is_accepted
    }
}

/// What a client has sent before its first request.
#[derive(Debug, Default)]
struct Beginning {
    /// The preface and frames without a request, except pings.
    kept: Vec<u8>,
    /// Number of `kept` bytes that are complete frames.
    complete: usize,
    /// Whether the client's settings are among them.
    has_settings: bool,
    /// The responses to the pings.
    pongs: Vec<u8>,
}

impl Beginning {
    /// Sorts what follows the preface. `None` if there is something that only the library can handle.
    fn of(frames: &[u8]) -> Option<Beginning> {
        let mut beginning = Beginning {
            kept: PREFACE.to_vec(),
            ..Beginning::default()
        };
        let mut rest = frames;
        while let Some(head) = rest.first_chunk() {
            let head = Head::parse(*head);
            let is_ping = head.kind == PING && head.length == 8 && beginning.has_settings;
            if head.stream != 0 || !(is_ping || matches!(head.kind, SETTINGS | WINDOW_UPDATE)) {
                return None;
            }
            let Some((frame, others)) = rest.split_at_checked(HEAD + head.length) else {
                break;
            };
            rest = others;
            let is_ack = head.flags & ACK != 0;
            if !is_ping {
                beginning.kept.extend(frame);
                beginning.has_settings |= head.kind == SETTINGS && !is_ack;
            } else if !is_ack {
                beginning.pongs.extend(ping(ACK, &frame[HEAD..]));
            }
        }
        beginning.complete = beginning.kept.len();
        beginning.kept.extend(rest);
        beginning.kept.shrink_to_fit();
        (beginning.kept.len() <= KEPT).then_some(beginning)
    }
}

/// A PING frame. Its payload has 8 bytes.
fn ping(flags: u8, payload: &[u8]) -> Vec<u8> {
    [&[0, 0, 8, PING, flags, 0, 0, 0, 0], payload].concat()
}

/// A connection on which no request has arrived.
pub struct Standby<S> {
    stream: Coalesced<Monitored<S>>,
    flush: Flush<Monitored<S>>,
    monitor: Monitor,
    handshakes: Arc<Handshakes>,
    received: Vec<u8>,
    /// Number of parts of the greeting that have been sent.
    greeted: usize,
    /// When the client would have been dead when it was pinged last.
    pinged: Option<Instant>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Standby<S> {
    /// A new connection. `flush` sends what is written to `stream`.
    pub fn new(
        stream: Coalesced<Monitored<S>>,
        flush: Flush<Monitored<S>>,
        monitor: Monitor,
        handshakes: Arc<Handshakes>,
    ) -> Standby<S> {
        Standby {
            stream,
            flush,
            monitor,
            handshakes,
            received: Vec::new(),
            greeted: 0,
            pinged: None,
        }
    }

    /// Waits until the library has to start, and returns the stream for it. With `http2_only`, the client is sent the
    /// settings before it has sent anything. A client whose protocol is not known after `patience` is considered dead.
    ///
    /// `None`: the client has closed the connection or is considered dead.
    pub async fn wait(
        mut self,
        http2_only: bool,
        patience: Duration,
        phase: &mut watch::Receiver<Phase>,
    ) -> Option<Replay<Coalesced<Monitored<S>>>> {
        if http2_only {
            if self.handshakes.greeting().is_none() {
                return Some(self.start());
            }
            self.greet(1, &[]).ok()?;
        }
        let mut timer = pin!(sleep_until(self.check(patience)?.into()));
        loop {
            tokio::select! {
                biased;
                started = poll_fn(|cx| self.poll(cx)) => {
                    started.ok()?;
                    break;
                }
                () = timer.as_mut() => {
                    let next = self.check(patience)?;
                    timer.as_mut().reset(next.into());
                }
                // What a client is told when the server stops is left to the library.
                _ = phase.wait_for(|phase| *phase > Phase::Running) => break,
            }
        }
        Some(self.start())
    }

    /// The stream for the library.
    fn start(self) -> Replay<Coalesced<Monitored<S>>> {
        let greeting = self.handshakes.greeting().map_or(&[][..], |all| all);
        let sent = greeting[..self.greeted].concat();
        Replay::new(self.stream, self.received, sent)
    }

    /// Ready when the library has to start.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            // Sent before anything else is read, so that the responses to pings cannot accumulate.
            ready!(self.flush.poll_flush(cx))?;
            let mut space = [MaybeUninit::uninit(); READ];
            let mut buffer = ReadBuf::uninit(&mut space);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
            self.received.reserve_exact(buffer.filled().len());
            self.received.extend_from_slice(buffer.filled());
            // The end of the stream is left to the library, too.
            if buffer.filled().is_empty() || !self.process()? {
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Answers what has been received. Returns false if the library has to do so.
    fn process(&mut self) -> io::Result<bool> {
        let Some(frames) = self.received.strip_prefix(PREFACE) else {
            return Ok(PREFACE.starts_with(&self.received));
        };
        let Some(beginning) = Beginning::of(frames) else {
            return Ok(false);
        };
        let handshakes = Arc::clone(&self.handshakes);
        let Some(greeting) = handshakes.greeting() else {
            return Ok(false);
        };
        let parts = 2 + usize::from(beginning.has_settings);
        if !handshakes.accepts(&beginning.kept[..beginning.complete], &greeting[..parts]) {
            return Ok(false);
        }
        self.received = beginning.kept;
        self.greet(parts, &beginning.pongs)?;
        Ok(true)
    }

    /// Sends the greeting up to this part, and these bytes after it.
    fn greet(&mut self, parts: usize, others: &[u8]) -> io::Result<()> {
        let greeting = self.handshakes.greeting().map_or(&[][..], |all| all);
        let bytes = [&greeting[self.greeted..parts].concat(), others].concat();
        self.greeted = parts;
        // The stream only buffers it, and has space: see `poll`.
        let mut cx = Context::from_waker(Waker::noop());
        match Pin::new(&mut self.stream).poll_write(&mut cx, &bytes) {
            Poll::Ready(Ok(size)) if size == bytes.len() => Ok(()),
            _ => Err(io::ErrorKind::WriteZero.into()),
        }
    }

    /// Pings a client that has been silent for long enough. Returns when to check again, or `None` if it is considered
    /// dead.
    fn check(&mut self, patience: Duration) -> Option<Instant> {
        let now = Instant::now();
        let (interval, timeout) = (
            self.handshakes.config.keepalive_interval,
            self.handshakes.config.keepalive_timeout,
        );
        let silence = interval.map(|interval| interval + timeout);
        let Some(dead) = self.monitor.dead_at(silence, patience) else {
            return Some(now + patience);
        };
        if dead <= now {
            return None;
        }
        let Some(interval) = interval else {
            return Some(dead);
        };
        // The library pings only clients that have sent the preface.
        if self.greeted < 2 {
            return Some(dead.min(now + interval));
        }
        let due = dead - timeout;
        if now < due {
            return Some(due);
        }
        if self.pinged.replace(dead) != Some(dead) {
            self.greet(self.greeted, &ping(0, &[0; 8])).ok()?;
        }
        // It is pinged again if it has responded by then.
        Some(dead.min(now + interval))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::{connection::serve::handshakes, unsent::NoHolder};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream},
        task::JoinHandle,
    };

    const SETTINGS_FRAME: [u8; HEAD] = [0, 0, 0, SETTINGS, 0, 0, 0, 0, 0];
    const ACK_FRAME: [u8; HEAD] = [0, 0, 0, SETTINGS, ACK, 0, 0, 0, 0];
    const WINDOW_FRAME: [u8; HEAD + 4] = [0, 0, 4, WINDOW_UPDATE, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    const PATIENCE: Duration = Duration::from_secs(100_000);

    /// A setting that can be told apart from others.
    fn setting(value: u32) -> Vec<u8> {
        let mut frame = vec![0, 0, 6, SETTINGS, 0, 0, 0, 0, 0, 0, 4];
        frame.extend(value.to_be_bytes());
        frame
    }

    struct Fixture {
        client: DuplexStream,
        phase: watch::Sender<Phase>,
        server: JoinHandle<Option<Replay<Coalesced<Monitored<DuplexStream>>>>>,
    }

    impl Fixture {
        fn new(handshakes: Arc<Handshakes>, patience: Duration) -> Fixture {
            let (client, server) = tokio::io::duplex(1 << 16);
            let min_time = Duration::from_secs(5);
            let (stream, monitor) =
                Monitor::new(server, min_time, Arc::new(NoHolder), Arc::default());
            let (stream, flush) = crate::net::coalesce::coalesce(stream);
            let (phase, mut changes) = watch::channel(Phase::Running);
            let standby = Standby::new(stream, flush, monitor, handshakes);
            let server =
                tokio::spawn(async move { standby.wait(false, patience, &mut changes).await });
            Fixture {
                client,
                phase,
                server,
            }
        }

        fn usual() -> Fixture {
            Fixture::new(handshakes_of(|_| {}), PATIENCE)
        }

        async fn send(&mut self, bytes: &[u8]) {
            self.client.write_all(bytes).await.unwrap();
        }

        async fn expect(&mut self, wanted: &[u8]) {
            let mut got = vec![0; wanted.len()];
            self.client.read_exact(&mut got).await.unwrap();
            assert_eq!(got, wanted);
        }

        /// What the library reads until the end of the stream, if it has been started.
        async fn replayed(self) -> Option<Vec<u8>> {
            let started = self.server.await.unwrap();
            drop(self.client);
            let (mut stream, mut all) = (started?, Vec::new());
            stream.read_to_end(&mut all).await.unwrap();
            Some(all)
        }
    }

    fn handshakes_of(change: impl FnOnce(&mut Config)) -> Arc<Handshakes> {
        let mut config = Config::new("unused");
        change(&mut config);
        Arc::new(handshakes(Arc::new(config)))
    }

    #[tokio::test]
    async fn a_client_without_requests_is_answered() {
        let handshakes = handshakes_of(|_| {});
        let greeting = handshakes.greeting().unwrap().concat();
        let mut f = Fixture::new(handshakes, PATIENCE);
        // In pieces of any size.
        for byte in [PREFACE, &SETTINGS_FRAME].concat() {
            f.send(&[byte]).await;
        }
        f.expect(&greeting).await;
        for frame in [&ACK_FRAME[..], &ping(ACK, b"response"), &WINDOW_FRAME] {
            f.send(frame).await;
        }
        f.send(&ping(0, b"one-ping")).await;
        f.expect(&ping(ACK, b"one-ping")).await;
        assert!(!f.server.is_finished());
        let request = [0, 0, 1, 1, 4, 0, 0, 0, 1, 0x83];
        f.send(&request).await;
        let wanted = [
            PREFACE,
            &SETTINGS_FRAME,
            &ACK_FRAME,
            &WINDOW_FRAME,
            &request,
        ];
        assert_eq!(f.replayed().await, Some(wanted.concat()));
    }

    #[tokio::test]
    async fn what_is_kept_is_small() {
        let handshakes = handshakes_of(|_| {});
        let mut f = Fixture::new(Arc::clone(&handshakes), PATIENCE);
        f.send(&[PREFACE, &SETTINGS_FRAME].concat()).await;
        // The library starts when too many are kept.
        let mut count = 0;
        while !f.server.is_finished() {
            f.send(&WINDOW_FRAME).await;
            count += 1;
            tokio::task::yield_now().await;
        }
        assert!((10..100).contains(&count), "{count}");
        drop(f);
        // One that waits.
        let (_client, server) = tokio::io::duplex(1 << 16);
        let (stream, monitor) = Monitor::new(server, PATIENCE, Arc::new(NoHolder), Arc::default());
        let (stream, flush) = crate::net::coalesce::coalesce(stream);
        let mut standby = Standby::new(stream, flush, monitor, handshakes);
        standby.received = [PREFACE, &setting(1), &ACK_FRAME, &WINDOW_FRAME].concat();
        standby.received.extend(ping(ACK, &[0; 8]).repeat(100));
        assert!(standby.process().unwrap());
        assert!(standby.received.capacity() < 100);
        let (_phase, mut changes) = watch::channel(Phase::Running);
        let waiting = standby.wait(false, PATIENCE, &mut changes);
        assert!(size_of_val(&waiting) <= 768, "{}", size_of_val(&waiting));
    }

    #[tokio::test]
    async fn floods_are_left_to_the_library_or_ended() {
        for frame in [SETTINGS_FRAME.to_vec(), ACK_FRAME.to_vec(), setting(7)] {
            let mut f = Fixture::usual();
            f.send(&[PREFACE, &SETTINGS_FRAME, &frame.repeat(100)].concat())
                .await;
            assert!(f.replayed().await.unwrap().len() > 500);
        }
        let mut f = Fixture::usual();
        f.send(&[PREFACE, &SETTINGS_FRAME, &ping(0, &[0; 8]).repeat(10)].concat())
            .await;
        let mut rest = Vec::new();
        f.client.read_to_end(&mut rest).await.unwrap();
        assert!(rest.ends_with(b"too_many_pings"));
        assert!(f.server.await.unwrap().is_none());
    }

    #[tokio::test]
    async fn the_library_is_asked_once_for_clients_that_begin_alike() {
        static ASKED: AtomicUsize = AtomicUsize::new(0);
        fn rehearse(config: &Config, received: &[u8]) -> Vec<u8> {
            ASKED.fetch_add(1, Ordering::Relaxed);
            let real = handshakes(Arc::new(config.clone()));
            (real.rehearse)(config, received)
        }
        let handshakes = Handshakes::new(Arc::new(Config::new("unused")), rehearse);
        let greeting = handshakes.greeting().unwrap();
        assert_eq!(ASKED.load(Ordering::Relaxed), 3);
        for _ in 0..10 {
            assert!(handshakes.accepts(&[PREFACE, &setting(7)].concat(), greeting));
        }
        assert_eq!(ASKED.load(Ordering::Relaxed), 4);
        for value in 0..3 * KNOWN as u32 {
            assert!(handshakes.accepts(&[PREFACE, &setting(value)].concat(), greeting));
        }
        assert_eq!(handshakes.known.lock().len(), KNOWN);
        // Not even an exhausted budget makes a difference.
        let budget = async {
            tokio::task::coop::consume_budget().await;
            while tokio::task::coop::has_budget_remaining() {
                tokio::task::coop::consume_budget().await;
            }
            handshakes.accepts(&[PREFACE, &setting(1 << 20)].concat(), greeting)
        };
        assert!(budget.await);
    }

    #[tokio::test]
    async fn an_unexpected_library_starts_at_once() {
        for written in [
            &b""[..],
            &SETTINGS_FRAME,
            &ACK_FRAME,
            b"HTTP/1.1 400 Bad Request",
        ] {
            static WRITTEN: Mutex<&[u8]> = Mutex::new(&[]);
            *WRITTEN.lock() = written;
            let config = Arc::new(Config::new("unused"));
            let handshakes = Handshakes::new(config, |_, _| WRITTEN.lock().to_vec());
            assert_eq!(handshakes.greeting(), None);
            let mut f = Fixture::new(Arc::new(handshakes), PATIENCE);
            f.send(PREFACE).await;
            assert_eq!(f.replayed().await.as_deref(), Some(PREFACE));
        }
    }

    #[tokio::test]
    async fn the_library_ends_what_has_begun() {
        // The server stops.
        let mut f = Fixture::usual();
        f.send(&[PREFACE, &SETTINGS_FRAME].concat()).await;
        f.expect(&handshakes_of(|_| {}).greeting().unwrap().concat())
            .await;
        f.phase.send_replace(Phase::Stopping);
        let wanted = [PREFACE, &SETTINGS_FRAME].concat();
        assert_eq!(f.replayed().await, Some(wanted));
        // The client closes the connection.
        for sent in [
            &b""[..],
            &PREFACE[..10],
            PREFACE,
            &[PREFACE, &SETTINGS_FRAME[..5]].concat(),
        ] {
            let mut f = Fixture::usual();
            f.send(sent).await;
            f.client.shutdown().await.unwrap();
            assert_eq!(f.replayed().await.as_deref(), Some(sent));
        }
    }

    #[tokio::test]
    async fn a_client_must_send_its_preface_in_time() {
        for sent in [&b""[..], &PREFACE[..23]] {
            let mut f = Fixture::new(handshakes_of(|_| {}), Duration::from_millis(50));
            f.send(sent).await;
            assert!(f.server.await.unwrap().is_none());
        }
    }

    #[tokio::test]
    async fn a_silent_client_is_pinged_and_then_dead() {
        let handshakes = |timeout| {
            handshakes_of(|config| {
                config.keepalive_interval = Some(Duration::from_millis(20));
                config.keepalive_timeout = timeout;
            })
        };
        let ping_frame = ping(0, &[0; 8]);
        let mut f = Fixture::new(handshakes(PATIENCE), PATIENCE);
        f.send(&[PREFACE, &SETTINGS_FRAME].concat()).await;
        let greeting = handshakes(PATIENCE).greeting().unwrap().concat();
        f.expect(&greeting).await;
        for _ in 0..3 {
            f.expect(&ping_frame).await;
            f.send(&ping(ACK, &[0; 8])).await;
        }
        f.expect(&ping_frame).await;
        assert!(!f.server.is_finished());
        // One that does not respond, and is pinged once.
        let mut f = Fixture::new(handshakes(Duration::from_millis(200)), PATIENCE);
        f.send(&[PREFACE, &SETTINGS_FRAME].concat()).await;
        assert!(f.server.await.unwrap().is_none());
        let mut rest = Vec::new();
        f.client.read_to_end(&mut rest).await.unwrap();
        let pings = rest.strip_prefix(&greeting[..]).unwrap();
        assert!(pings.is_empty() || pings == ping_frame);
    }
}
