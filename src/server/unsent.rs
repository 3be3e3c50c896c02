//! Accounting for the memory of responses that have not been sent yet, and the means to reclaim it from clients that read
//! nothing. Stores no responses and never waits.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

/// Counts the memory of responses that have not been sent yet.
pub trait Holder: Send + Sync + std::fmt::Debug {
    /// Adds to the number of bytes held.
    fn hold(&self, bytes: usize);

    /// Subtracts from the number of bytes held.
    fn release(&self, bytes: usize);

    /// Whether so much is held that memory is short.
    fn is_short(&self) -> bool;

    /// Registers a response that may be dropped if memory is short and its client reads nothing.
    fn watch(&self, answer: Weak<dyn Unsent>);
}

/// Counts nothing.
#[cfg(test)]
#[derive(Debug)]
pub struct NoHolder;

#[cfg(test)]
impl Holder for NoHolder {
    fn hold(&self, _: usize) {}

    fn release(&self, _: usize) {}

    fn is_short(&self) -> bool {
        false
    }

    fn watch(&self, _: Weak<dyn Unsent>) {}
}

/// A response that is being sent.
pub trait Unsent: Send + Sync {
    /// How long the client has read nothing although data was available.
    fn stalled(&self) -> Duration;

    /// Drops the rest of the response. The client gets an error when it continues to read.
    fn discard(&self);
}

/// Bytes that a [`Holder`] counts until this is dropped.
#[derive(Debug)]
pub struct Held {
    bytes: usize,
    holder: Arc<dyn Holder>,
}

impl Held {
    /// Counts `bytes` until the value is dropped.
    pub fn new(bytes: usize, holder: Arc<dyn Holder>) -> Held {
        holder.hold(bytes);
        Held { bytes, holder }
    }

    /// The holder that counts them.
    pub fn holder(&self) -> &Arc<dyn Holder> {
        &self.holder
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.holder.release(self.bytes);
    }
}

/// A buffer that is counted until it has been sent.
pub struct HeldBuffer {
    bytes: Vec<u8>,
    _held: Held,
}

impl HeldBuffer {
    /// Counts the buffer until it is dropped.
    pub fn new(bytes: Vec<u8>, holder: Arc<dyn Holder>) -> HeldBuffer {
        let _held = Held::new(bytes.len(), holder);
        HeldBuffer { bytes, _held }
    }
}

impl AsRef<[u8]> for HeldBuffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}
