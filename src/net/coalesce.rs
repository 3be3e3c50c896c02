//! Combines writes: everything that a connection sends during one poll goes out in one system call, or in a few large
//! ones. HTTP/2 alone would send headers, data and trailers of each message separately. Knows nothing of HTTP.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Maximum number of bytes that are buffered: four HTTP/2 frames of the usual size.
const FULL: usize = 72 << 10;
/// A buffer for more than this many bytes is allocated at its full size at once.
const SMALL: usize = 8 << 10;
/// A larger buffer is freed as soon as it is empty, to save memory on idle connections.
const KEPT: usize = 1 << 10;

/// A stream that buffers writes. A flush by its user does nothing; [`Flush`] sends the data.
pub struct Coalesced<S>(Arc<Mutex<Inner<S>>>);

/// Sends what a [`Coalesced`] has buffered. Must be polled after the user of the stream has been polled.
pub struct Flush<S>(Arc<Mutex<Inner<S>>>);

struct Inner<S> {
    stream: S,
    gathered: Vec<u8>,
    /// Number of bytes of `gathered` that have been sent.
    sent: usize,
    /// The error of a failed send, which the next read returns.
    failed: Option<io::Error>,
}

impl<S> Clone for Flush<S> {
    fn clone(&self) -> Flush<S> {
        Flush(Arc::clone(&self.0))
    }
}

/// Wraps a stream.
pub fn coalesce<S>(stream: S) -> (Coalesced<S>, Flush<S>) {
    let inner = Arc::new(Mutex::new(Inner {
        stream,
        gathered: Vec::new(),
        sent: 0,
        failed: None,
    }));
    (Coalesced(Arc::clone(&inner)), Flush(inner))
}

impl<S: AsyncWrite + Unpin> Flush<S> {
    /// Ready when everything has been sent.
    pub fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut inner = self.0.lock();
        ready!(inner.poll_drain(cx))?;
        if inner.gathered.capacity() > KEPT {
            inner.gathered = Vec::new();
        }
        Pin::new(&mut inner.stream).poll_flush(cx)
    }

    /// Whether the buffer is empty.
    pub fn is_empty(&self) -> bool {
        self.0.lock().waiting() == 0
    }

    /// Makes the next read return this error, for users of the stream that would otherwise not notice.
    pub fn fail(&self, error: io::Error) {
        let mut inner = self.0.lock();
        inner.gathered.clear();
        inner.sent = 0;
        inner.failed = Some(error);
    }
}

impl<S> Inner<S> {
    fn waiting(&self) -> usize {
        self.gathered.len() - self.sent
    }
}

impl<S: AsyncWrite + Unpin> Inner<S> {
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.gathered.len() {
            let rest = &self.gathered[self.sent..];
            match ready!(Pin::new(&mut self.stream).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                n => self.sent += n,
            }
        }
        self.sent = 0;
        self.gathered.clear();
        Poll::Ready(Ok(()))
    }

    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let total: usize = bufs.iter().map(|b| b.len()).sum();
        if self.waiting() + total > FULL {
            ready!(self.poll_drain(cx))?;
        }
        if total > FULL {
            return Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        }
        if self.gathered.len() + total > SMALL {
            // More writes usually follow, and growing step by step would copy the data twice.
            let room = FULL.saturating_sub(self.gathered.len());
            self.gathered.reserve_exact(room.max(total));
        }
        for buf in bufs {
            self.gathered.extend_from_slice(buf);
        }
        Poll::Ready(Ok(total))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Coalesced<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut inner = self.0.lock();
        match inner.failed.take() {
            Some(error) => Poll::Ready(Err(error)),
            None => Pin::new(&mut inner.stream).poll_read(cx, buf),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Coalesced<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.lock().poll_write(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.0.lock().poll_write(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut inner = self.0.lock();
        ready!(inner.poll_drain(cx))?;
        Pin::new(&mut inner.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    #[tokio::test]
    async fn nothing_goes_out_before_the_flush_and_all_of_it_then() {
        let (client, mut other) = tokio::io::duplex(1 << 20);
        let (mut stream, flush) = coalesce(client);
        stream.write_all(b"one").await.unwrap();
        stream.write_all(b"two").await.unwrap();
        stream.flush().await.unwrap();
        let mut buf = [0; 16];
        let early = tokio::time::timeout(std::time::Duration::ZERO, other.read(&mut buf)).await;
        assert!(early.is_err());
        poll_fn(|cx| flush.poll_flush(cx)).await.unwrap();
        assert_eq!(other.read(&mut buf).await.unwrap(), 6);
        assert_eq!(&buf[..6], b"onetwo");
    }

    #[tokio::test]
    async fn order_is_kept_whatever_the_sizes_and_however_slow_the_reader() {
        let (client, mut other) = tokio::io::duplex(1000);
        let (mut stream, _flush) = coalesce(client);
        let sizes = [
            1, 70_000, 5, 200_000, 16_393, 16_393, 16_393, 16_393, 16_393, 3,
        ];
        let all: Vec<u8> = (0..sizes.iter().sum::<usize>()).map(|i| i as u8).collect();
        let sent = all.clone();
        let writer = tokio::spawn(async move {
            let mut at = 0;
            for size in sizes {
                stream.write_all(&sent[at..at + size]).await.unwrap();
                at += size;
            }
            // The shutdown sends what is still buffered.
            stream.shutdown().await.unwrap();
        });
        let mut got = Vec::new();
        other.read_to_end(&mut got).await.unwrap();
        writer.await.unwrap();
        assert!(got == all);
    }
}
