//! The two halves of a streaming call: a method reads the client's messages from [`Inbound`] and writes its responses
//! to [`Outbound`].
//!
//! A bidirectional method looks like this:
//!
//! ```text
//! pub async fn echo(
//!     &self,
//!     context: &RequestContext,
//!     mut inbound: Inbound<Q>,
//!     outbound: Outbound<R>,
//! ) -> Result<(), Error> {
//!     while let Some(request) = inbound.next().await? {
//!         outbound.send(&self.answer(request)).await?;
//!     }
//!     Ok(())
//! }
//! ```
//!
//! - **Receiving.** `next` returns `None` once the client has closed its half; the method may continue to send. While
//!   nobody calls `next`, HTTP/2's flow control makes the client wait. `next` is cancel-safe, so it can be a branch of
//!   a `select!`.
//! - **Sending.** `send` waits if the client does not read: a few messages are queued, then the method has to wait. A
//!   method that must also read meanwhile (a watch, which may be canceled) makes `send` a branch of the same `select!`: a
//!   `send` that is dropped has sent nothing. A client is never disconnected for being slow; the keep-alive of the
//!   connection detects one that is dead.
//! - **The end.** The return value of the method is the status of the call: `Ok` is code 0. The method runs as a task;
//!   a `lockstep` method has none and runs whenever the body of its response is polled. It is dropped, at any `await`,
//!   when the client goes away or cancels; a `live_stream`, `two_way` or `lockstep` method also when the server stops.
//!   A call whose deadline passes ends with DEADLINE_EXCEEDED.

use std::{
    marker::PhantomData,
    sync::{Arc, Weak},
    time::Duration,
};

use bytes::Bytes;
use prost::Message;
use tokio::{sync::mpsc, time::timeout};
use tonic::Status;

use super::{
    body::{Body, Rest},
    encoding::Encoding,
    message::Messages,
};
use crate::server::{
    error::Error,
    metrics,
    unsent::{HeldBuffer, Holder},
};

/// Number of messages queued for the client in each stream, in addition to the one that HTTP/2 is sending.
const QUEUED: usize = 2;

/// The client's half of a call.
pub struct Inbound<Q> {
    messages: Messages,
    count: metrics::Messages,
    kind: PhantomData<fn() -> Q>,
}

impl<Q: Message + Default + 'static> Inbound<Q> {
    pub(super) fn new(messages: Messages, count: metrics::Messages) -> Inbound<Q> {
        Inbound {
            messages,
            count,
            kind: PhantomData,
        }
    }

    /// The next message; `None` after the last one. Cancel-safe.
    ///
    /// # Errors
    /// The message cannot be read, or the client has canceled the call.
    pub async fn next(&mut self) -> Result<Option<Q>, Error> {
        let message: Option<Q> = self.messages.next().await?;
        if let Some(message) = &message {
            self.count.received(message.encoded_len());
        }
        Ok(message)
    }
}

/// The server's half of a call.
pub struct Outbound<R> {
    parts: mpsc::Sender<Part>,
    rest: Weak<Rest>,
    encoding: Encoding,
    count: metrics::Messages,
    kind: PhantomData<fn(R)>,
}

/// What is passed to the body of the response.
pub(super) enum Part {
    /// A framed message.
    Message(Bytes),
    /// The status of the call.
    End(Result<(), Status>),
}

impl<R: Message> Outbound<R> {
    /// The parts of a stream: the sender, its end, and the body for the client.
    pub(super) fn new(
        encoding: Encoding,
        count: metrics::Messages,
    ) -> (Outbound<R>, mpsc::Sender<Part>, Body) {
        let (parts, receiver) = mpsc::channel(QUEUED);
        let (body, rest) = Body::stream(receiver);
        let outbound = Outbound {
            parts: parts.clone(),
            rest,
            encoding,
            count,
            kind: PhantomData,
        };
        (outbound, parts, body)
    }

    /// The parts of a stream that is produced while its body is read: the sender and the receiver.
    pub(super) fn driven(
        encoding: Encoding,
        count: metrics::Messages,
    ) -> (Outbound<R>, mpsc::Receiver<Part>) {
        let (parts, receiver) = mpsc::channel(QUEUED);
        let outbound = Outbound {
            parts,
            rest: Weak::new(),
            encoding,
            count,
            kind: PhantomData,
        };
        (outbound, receiver)
    }

    /// Sends a message. Waits if the client does not read.
    ///
    /// # Errors
    /// The client has gone away, or the message is too large to be sent.
    pub async fn send(&self, message: &R) -> Result<(), Error> {
        let framed = self.encoding.frame(message)?;
        self.send_framed(framed).await
    }

    /// Registers the stream with `holder`, which may end it if memory is short and the client reads nothing.
    pub(super) fn watched_by(&self, holder: &Arc<dyn Holder>) {
        let rest: Weak<Rest> = self.rest.clone();
        holder.watch(rest);
    }

    /// Sends a message that `holder` counts until it has been sent.
    ///
    /// # Errors
    /// Like [`Outbound::send`].
    pub(super) async fn send_counted(
        &self,
        message: R,
        holder: &Arc<dyn Holder>,
    ) -> Result<(), Error> {
        let framed = self.encoding.frame(&message)?;
        drop(message);
        let counted = match framed.try_into_mut() {
            Ok(framed) => Bytes::from_owner(HeldBuffer::new(framed.into(), Arc::clone(holder))),
            Err(shared) => shared,
        };
        self.send_framed(counted).await
    }

    /// The encoding of messages, for callers that frame them.
    pub(super) fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Like [`Outbound::send`], for a message that has a prefix.
    pub(super) async fn send_framed(&self, framed: Bytes) -> Result<(), Error> {
        self.send_frames(framed, 1).await
    }

    /// Sends bytes in which this number of framed messages begin.
    pub(super) async fn send_frames(&self, bytes: Bytes, messages: u64) -> Result<(), Error> {
        let length = bytes.len();
        let sent = self.parts.send(Part::Message(bytes)).await;
        sent.map_err(|_| Error::Canceled)?;
        self.count.sent(messages, length);
        Ok(())
    }

    /// Like [`Outbound::send_framed`], for a stream that holds expensive resources: fails if the client reads nothing
    /// for `limit`.
    pub(super) async fn send_framed_within(
        &self,
        framed: Bytes,
        limit: Duration,
    ) -> Result<(), Error> {
        match timeout(limit, self.send_framed(framed)).await {
            Ok(sent) => sent,
            Err(_) => Err(Error::Canceled),
        }
    }
}
