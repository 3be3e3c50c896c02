//! Observes the bytes of a connection: what the server sent first, whether a request has left this process, and how the
//! connection ended. Parses only the headers of HTTP/2 frames, and changes no byte.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::Notify,
};

use super::cause::{Cause, Limit};

/// Number of bytes kept from the start of the server's side.
const GREETING: usize = 96;
/// The header of an HTTP/2 frame: length (3), type (1), flags (1), stream (4).
const FRAME_HEADER: usize = 9;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
/// The flag of a SETTINGS frame that acknowledges the peer's.
const ACK: u8 = 1;
/// Length of a client's connection preface, which precedes its first frame.
const PREFACE: usize = 24;

/// What is known about one connection.
#[derive(Default)]
pub struct Monitor {
    state: Mutex<State>,
    changed: Notify,
    /// Number of HEADERS frames passed to the operating system, one for each request.
    requests_sent: AtomicU64,
    /// Whether a request has been answered.
    answered: AtomicBool,
}

#[derive(Default)]
struct State {
    greeting: Vec<u8>,
    /// Whether the server has acknowledged this client's SETTINGS, which shows that it reads.
    acknowledged: bool,
    ended: bool,
    /// TLS's reason for the end of the connection; HTTP/2 would only report that reading failed.
    tls: Option<Cause>,
    error: Option<String>,
}

impl Monitor {
    /// Whether the server has sent anything.
    pub fn heard(&self) -> bool {
        !self.state.lock().greeting.is_empty()
    }

    /// Whether the server has answered a request.
    pub fn answered(&self) -> bool {
        self.answered.load(Ordering::Relaxed)
    }

    /// Records that a request was answered.
    pub fn set_answered(&self) {
        self.answered.store(true, Ordering::Relaxed);
    }

    /// Number of requests that have left this process. A request that was made when this was N, and failed while it is
    /// still N, was never sent.
    pub fn requests_sent(&self) -> u64 {
        self.requests_sent.load(Ordering::Acquire)
    }

    /// Records the end of the connection.
    pub fn finish(&self, error: Option<String>) {
        let mut state = self.state.lock();
        state.ended = true;
        state.error = error;
        drop(state);
        self.changed.notify_waiters();
    }

    /// How the connection ended; `None` while it is open.
    pub fn end_text(&self) -> Option<String> {
        let state = self.state.lock();
        if let Some(cause) = &state.tls {
            Some(cause.to_string())
        } else if state.ended {
            Some(state.error.clone().unwrap_or_else(|| "EOF".into()))
        } else {
            None
        }
    }

    /// Why HTTP/2 could not be started.
    pub fn handshake_cause(&self, fallback: &str) -> Cause {
        let state = self.state.lock();
        if let Some(cause) = &state.tls {
            return cause.clone();
        }
        match &state.greeting[..] {
            [] => Cause::Closed,
            bytes => not_http2(bytes).unwrap_or_else(|| Cause::Broken(fallback.to_owned())),
        }
    }

    /// Waits for the SETTINGS frame, which every HTTP/2 server sends first.
    ///
    /// # Errors
    /// The server closed the connection, sent something else, or sent nothing within `timeout`.
    pub async fn settings_within(&self, timeout: Duration) -> Result<(), Cause> {
        match tokio::time::timeout(timeout, self.settings()).await {
            Ok(result) => result,
            Err(_) => Err(Cause::Silent(Limit::dial(timeout))),
        }
    }

    async fn settings(&self) -> Result<(), Cause> {
        loop {
            // Register before examining the state, so that no change is missed.
            let changed = self.changed.notified();
            if let Some(result) = self.began() {
                return result;
            }
            changed.await;
        }
    }

    /// Waits until the server has acknowledged this client's SETTINGS, or the connection has ended.
    pub async fn acknowledged(&self) {
        loop {
            let changed = self.changed.notified();
            {
                let state = self.state.lock();
                if state.acknowledged || state.ended {
                    return;
                }
            }
            changed.await;
        }
    }

    fn set_acknowledged(&self) {
        self.state.lock().acknowledged = true;
        self.changed.notify_waiters();
    }

    /// Whether the server speaks HTTP/2; `None` while that is unknown.
    fn began(&self) -> Option<Result<(), Cause>> {
        let state = self.state.lock();
        if state.greeting.len() >= FRAME_HEADER {
            return Some(not_http2(&state.greeting).map_or(Ok(()), Err));
        }
        if let Some(cause) = &state.tls {
            return Some(Err(cause.clone()));
        }
        state.ended.then(|| {
            Err(match &state.greeting[..] {
                [] => Cause::Closed,
                bytes => not_http2(bytes).unwrap_or(Cause::Closed),
            })
        })
    }

    fn read(&self, bytes: &[u8]) {
        let mut state = self.state.lock();
        let room = GREETING - state.greeting.len();
        if room == 0 {
            return;
        }
        let new = &bytes[..bytes.len().min(room)];
        state.greeting.extend_from_slice(new);
        drop(state);
        self.changed.notify_waiters();
    }

    /// Records an error from TLS. A server may reject a client's certificate after the handshake.
    fn failed(&self, error: &io::Error) {
        if let Some(cause) = super::tls::cause_of(error) {
            self.state.lock().tls.get_or_insert(cause);
        }
    }
}

/// What the first bytes of a server mean, if they are not HTTP/2.
pub fn not_http2(bytes: &[u8]) -> Option<Cause> {
    match bytes {
        [_, _, _, SETTINGS, _, 0, 0, 0, 0, ..] => None,
        // A TLS alert or handshake record.
        [0x15 | 0x16, 3, ..] => Some(Cause::TlsExpected),
        _ => {
            let text = String::from_utf8_lossy(bytes);
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

/// Finds frame headers in the bytes of one direction.
struct Frames {
    /// Remaining bytes of the preface.
    preface: usize,
    header: [u8; FRAME_HEADER],
    /// Number of bytes in `header`.
    filled: usize,
    /// Remaining bytes of the current frame's payload.
    payload: usize,
}

impl Frames {
    fn after(preface: usize) -> Frames {
        Frames {
            preface,
            header: [0; FRAME_HEADER],
            filled: 0,
            payload: 0,
        }
    }

    /// Processes the next bytes. Calls `found` with the type and flags of each frame that begins in them.
    fn advance(&mut self, mut bytes: &[u8], mut found: impl FnMut(u8, u8)) {
        skip(&mut bytes, &mut self.preface);
        loop {
            skip(&mut bytes, &mut self.payload);
            let Some((first, rest)) = bytes.split_first() else {
                return;
            };
            bytes = rest;
            self.header[self.filled] = *first;
            self.filled += 1;
            if self.filled == FRAME_HEADER {
                let [a, b, c, kind, flags, ..] = self.header;
                self.payload = u32::from_be_bytes([0, a, b, c]) as usize;
                self.filled = 0;
                found(kind, flags);
            }
        }
    }
}

fn skip(bytes: &mut &[u8], left: &mut usize) {
    let n = bytes.len().min(*left);
    *left -= n;
    *bytes = &bytes[n..];
}

/// A byte stream that reports to a [`Monitor`].
pub struct Monitored<S> {
    io: S,
    monitor: Arc<Monitor>,
    sent: Frames,
    /// Parser of received frames, until the server has acknowledged the SETTINGS.
    received: Option<Frames>,
    /// Why nothing more can be written: the server is gone. A request that waits behind this was never sent.
    gone: Option<io::Error>,
    /// Whether the last bytes of a server that closed the connection have been read.
    drained: bool,
}

impl<S> Monitored<S> {
    pub fn new(io: S, monitor: Arc<Monitor>) -> Monitored<S> {
        Monitored {
            io,
            monitor,
            sent: Frames::after(PREFACE),
            received: Some(Frames::after(0)),
            gone: None,
            drained: false,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Monitored<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let result = ready!(Pin::new(&mut self.io).poll_read(cx, buf));
        match &result {
            Err(error) => {
                self.monitor.failed(error);
                self.gone = Some(copy(error));
                self.drained = true;
            }
            Ok(()) if buf.filled().len() == before && buf.remaining() > 0 => {
                self.gone = Some(io::ErrorKind::BrokenPipe.into());
                self.drained = true;
            }
            Ok(()) => self.received(&buf.filled()[before..]),
        }
        Poll::Ready(result)
    }
}

impl<S> Monitored<S> {
    fn received(&mut self, bytes: &[u8]) {
        self.monitor.read(bytes);
        if let Some(frames) = &mut self.received {
            let mut acknowledged = false;
            frames.advance(bytes, |kind, flags| {
                acknowledged |= kind == SETTINGS && flags & ACK != 0;
            });
            if acknowledged {
                self.received = None;
                self.monitor.set_acknowledged();
            }
        }
    }
}

impl<S: AsyncRead + Unpin> Monitored<S> {
    /// Reads what the server sent before it closed the connection.
    fn drain(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while !self.drained {
            let mut bytes = [0; GREETING];
            let mut buf = ReadBuf::new(&mut bytes);
            match ready!(Pin::new(&mut self.io).poll_read(cx, &mut buf)) {
                Ok(()) if buf.filled().is_empty() => self.drained = true,
                Ok(()) => self.monitor.read(buf.filled()),
                Err(error) => {
                    self.monitor.failed(&error);
                    self.drained = true;
                }
            }
        }
        Poll::Ready(())
    }

    /// Writes, unless the server is gone. If writing fails because the server closed the connection, the failure is
    /// reported only after its last bytes have been read, because they tell why.
    fn write(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
        write: impl FnOnce(Pin<&mut S>, &mut Context<'_>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if self.gone.is_none() {
            match ready!(write(Pin::new(&mut self.io), cx)) {
                Ok(written) => {
                    self.count(bufs, written);
                    return Poll::Ready(Ok(written));
                }
                Err(error) if is_hang_up(&error) => self.gone = Some(error),
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        ready!(self.drain(cx));
        let error = self.gone.as_ref().map_or_else(broken_pipe, copy);
        Poll::Ready(Err(error))
    }

    fn count(&mut self, bufs: &[io::IoSlice<'_>], mut written: usize) {
        for buf in bufs {
            let part = &buf[..buf.len().min(written)];
            written -= part.len();
            let counter = &self.monitor.requests_sent;
            self.sent.advance(part, |kind, _| {
                counter.fetch_add(u64::from(kind == HEADERS), Ordering::Release);
            });
        }
    }
}

fn broken_pipe() -> io::Error {
    io::ErrorKind::BrokenPipe.into()
}

fn copy(error: &io::Error) -> io::Error {
    error
        .raw_os_error()
        .map_or_else(|| error.kind().into(), io::Error::from_raw_os_error)
}

fn is_hang_up(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset
    )
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Monitored<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.write(cx, &[io::IoSlice::new(buf)], |io, cx| {
            io.poll_write(cx, buf)
        })
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.write(cx, bufs, |io, cx| io.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Bytes buffered in the TLS stream have already been counted as sent.
        match ready!(Pin::new(&mut self.io).poll_flush(cx)) {
            Err(error) if is_hang_up(&error) => {
                let error = self.gone.insert(error);
                let error = copy(error);
                ready!(self.drain(cx));
                Poll::Ready(Err(error))
            }
            result => Poll::Ready(result),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    #[test]
    fn the_first_bytes_tell_who_is_there() {
        let cause = |bytes: &[u8]| not_http2(bytes);
        assert_eq!(cause(&[0, 0, 12, 4, 0, 0, 0, 0, 0, 1]), None);
        assert_eq!(
            cause(&[0x15, 3, 1, 0, 2, 2, 70, 0, 0]),
            Some(Cause::TlsExpected)
        );
        assert_eq!(
            cause(b"HTTP/1.1 400 Bad Request\r\nServer: x\r\n"),
            Some(Cause::NotEtcd("HTTP/1.1 400 Bad Request".into()))
        );
        assert_eq!(
            cause(b"SSH-2.0-OpenSSH_9\r\n"),
            Some(Cause::NotEtcd("SSH-2.0-OpenSSH_9".into()))
        );
    }

    fn frame(kind: u8, payload: usize) -> Vec<u8> {
        let mut frame = (payload as u32).to_be_bytes()[1..].to_vec();
        frame.extend([kind, 0, 0, 0, 0, 1]);
        frame.resize(FRAME_HEADER + payload, 0);
        frame
    }

    #[test]
    fn frames_are_found_however_the_bytes_are_cut() {
        let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        for (kind, payload) in [(4, 18), (HEADERS, 40), (0, 5), (HEADERS, 0), (8, 4)] {
            bytes.extend(frame(kind, payload));
        }
        for size in [1, 2, 7, 9, 10, 33, bytes.len()] {
            let mut frames = Frames::after(PREFACE);
            let mut kinds = vec![];
            for chunk in bytes.chunks(size) {
                frames.advance(chunk, |kind, _| kinds.push(kind));
            }
            assert_eq!(kinds, [4, HEADERS, 0, HEADERS, 8], "chunks of {size}");
        }
    }

    #[tokio::test]
    async fn nothing_is_sent_to_a_server_that_has_hung_up() {
        let (client, server) = tokio::io::duplex(1 << 10);
        let monitor = Arc::new(Monitor::default());
        let mut io = Monitored::new(client, Arc::clone(&monitor));
        let (mut reader, mut writer) = tokio::io::split(server);
        // The server closes only its sending side; it could still read.
        writer.shutdown().await.unwrap();
        assert_eq!(io.read(&mut [0; 8]).await.unwrap(), 0);
        assert!(io.write_all(&frame(HEADERS, 3)).await.is_err());
        assert_eq!(monitor.requests_sent(), 0);
        drop(io);
        let mut got = vec![];
        reader.read_to_end(&mut got).await.unwrap();
        assert!(got.is_empty());
    }

    #[tokio::test]
    async fn everyone_waiting_for_the_server_is_notified() {
        let monitor = Arc::new(Monitor::default());
        let waiting: Vec<_> = (0..5)
            .map(|_| {
                let monitor = Arc::clone(&monitor);
                tokio::spawn(async move { monitor.settings().await })
            })
            .collect();
        tokio::task::yield_now().await;
        monitor.finish(None);
        for task in waiting {
            assert_eq!(task.await.unwrap(), Err(Cause::Closed));
        }
    }
}
