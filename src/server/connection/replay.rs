//! Starts the HTTP library on a connection that has already begun: the library reads what the client has sent from the
//! beginning, and what it writes is left out as far as the client has received it. Interprets nothing.

use std::{
    future::poll_fn,
    io::{self, IoSlice},
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf},
    task::unconstrained,
};

use super::monitor::PREFACE;

/// A stream that first returns bytes that were read from it earlier.
pub struct Replay<S> {
    stream: S,
    /// `None` once the library has caught up.
    earlier: Option<Box<Earlier>>,
}

struct Earlier {
    received: Vec<u8>,
    /// Number of `received` bytes that the library has read.
    read: usize,
    /// Whether reading has paused after the preface. The library then writes everything that it writes at this point, so
    /// that the order of its frames does not depend on how much the client had sent.
    paused: bool,
    sent: Vec<u8>,
    /// Number of `sent` bytes that the library has written.
    written: usize,
}

impl<S> Replay<S> {
    /// Returns what has been `received` before it reads from `stream`, and leaves out what has been `sent`. A write of
    /// anything else in its place fails.
    pub fn new(stream: S, received: Vec<u8>, sent: Vec<u8>) -> Replay<S> {
        let earlier = Earlier {
            received,
            read: 0,
            paused: false,
            sent,
            written: 0,
        };
        let mut replay = Replay {
            stream,
            earlier: Some(Box::new(earlier)),
        };
        replay.forget_if_done();
        replay
    }

    fn forget_if_done(&mut self) {
        self.earlier
            .take_if(|e| e.read == e.received.len() && e.written == e.sent.len());
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Replay<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(earlier) = &mut self.earlier {
            let all = earlier.received.len();
            let end = match earlier.paused {
                true => all,
                false => all.min(PREFACE.len()),
            };
            let rest = &earlier.received[earlier.read..end];
            if !rest.is_empty() {
                let size = rest.len().min(buffer.remaining());
                buffer.put_slice(&rest[..size]);
                earlier.read += size;
                self.forget_if_done();
                return Poll::Ready(Ok(()));
            }
            if !earlier.paused {
                earlier.paused = true;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Replay<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Some(earlier) = &mut self.earlier else {
            return Pin::new(&mut self.stream).poll_write(cx, bytes);
        };
        let expected = &earlier.sent[earlier.written..];
        if expected.is_empty() {
            return Pin::new(&mut self.stream).poll_write(cx, bytes);
        }
        let size = expected.len().min(bytes.len());
        if bytes[..size] != expected[..size] {
            let message = "the client has been sent something else";
            return Poll::Ready(Err(io::Error::other(message)));
        }
        earlier.written += size;
        self.forget_if_done();
        Poll::Ready(Ok(size))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.earlier.is_none() {
            return Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        }
        let first = pieces.iter().find(|piece| !piece.is_empty());
        self.poll_write(cx, first.map_or(&[], |piece| piece))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Number of polls after which the library has read and written what its [`Replay`] has in store: one up to the pause,
/// and one for the rest.
const POLLS: usize = 2;

/// Lets the library catch up before anything else happens to the connection. Returns whether the connection has ended.
pub async fn catch_up(mut connection: Pin<&mut impl Future>) -> bool {
    for _ in 0..POLLS {
        if poll_fn(|cx| Poll::Ready(connection.as_mut().poll(cx).is_ready())).await {
            return true;
        }
    }
    false
}

/// Starts the library in memory and returns what it writes (at most [`SPACE`] bytes) when a client sends `received`.
/// Needs a tokio runtime, for the library's timers.
pub fn rehearse<F: Future>(
    received: &[u8],
    start: impl FnOnce(Replay<DuplexStream>) -> F,
) -> Vec<u8> {
    let (mut client, server) = tokio::io::duplex(SPACE);
    let mut written = [0; SPACE];
    let mut buffer = ReadBuf::new(&mut written);
    let run = async {
        let mut connection = pin!(start(Replay::new(server, received.to_vec(), Vec::new())));
        catch_up(connection.as_mut()).await;
        let _ = poll_fn(|cx| Poll::Ready(Pin::new(&mut client).poll_read(cx, &mut buffer))).await;
    };
    // Never waits. The budget of the task that this runs in does not matter, because nothing leaves the memory.
    let _ = pin!(unconstrained(run)).poll(&mut Context::from_waker(Waker::noop()));
    buffer.filled().to_vec()
}

/// See [`rehearse`]. Much more than the library writes before the first request.
const SPACE: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    #[tokio::test]
    async fn the_beginning_is_read_again_and_written_once() {
        let (mut client, server) = tokio::io::duplex(1 << 10);
        let received = [PREFACE, b"later"].concat();
        let mut replay = Replay::new(server, received, b"greeting".to_vec());
        client.write_all(b"new").await.unwrap();
        let mut buffer = [0; 64];
        // The preface alone, in pieces, if the buffer is small.
        assert_eq!(replay.read(&mut buffer[..10]).await.unwrap(), 10);
        assert_eq!(replay.read(&mut buffer).await.unwrap(), PREFACE.len() - 10);
        let next = poll_fn(|cx| {
            let mut buffer = ReadBuf::new(&mut buffer);
            Poll::Ready(
                Pin::new(&mut replay)
                    .poll_read(cx, &mut buffer)
                    .is_pending(),
            )
        });
        assert!(next.await);
        for wanted in [&b"later"[..], b"new"] {
            let size = replay.read(&mut buffer).await.unwrap();
            assert_eq!(&buffer[..size], wanted);
        }
        assert!(replay.earlier.is_some());
        replay.write_all(b"gree").await.unwrap();
        let pieces = [
            IoSlice::new(b""),
            IoSlice::new(b"ting and"),
            IoSlice::new(b" more"),
        ];
        assert_eq!(replay.write_vectored(&pieces).await.unwrap(), 4);
        assert!(replay.earlier.is_none());
        replay.write_all(b" and more").await.unwrap();
        let size = client.read(&mut buffer).await.unwrap();
        assert_eq!(&buffer[..size], b" and more");
    }

    #[tokio::test]
    async fn nothing_else_is_written_in_its_place() {
        let (mut client, server) = tokio::io::duplex(1 << 10);
        let mut replay = Replay::new(server, Vec::new(), b"greeting".to_vec());
        replay.write_all(b"greet").await.unwrap();
        replay.write_all(b"me").await.unwrap_err();
        drop(replay);
        assert_eq!(client.read(&mut [0; 8]).await.unwrap(), 0);
    }
}
