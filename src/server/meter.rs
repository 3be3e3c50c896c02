//! Limits of a read: the number of bytes that it may copy, and whether the caller has gone away. The reading code
//! checks them at every record.

use std::{
    cell::Cell,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use super::error::Error;

/// Tells threads that work for a caller whether the caller has gone away.
#[derive(Clone, Debug, Default)]
pub struct Cancelled(Arc<AtomicBool>);

impl Cancelled {
    /// Records that the caller has gone away.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Fails if the caller has gone away.
    ///
    /// # Errors
    /// [`Error::Canceled`].
    pub fn check(&self) -> Result<(), Error> {
        match self.0.load(Ordering::Relaxed) {
            true => Err(Error::Canceled),
            false => Ok(()),
        }
    }
}

/// The limits of one read.
#[derive(Debug)]
pub struct Meter {
    cancelled: Cancelled,
    bytes_left: Cell<usize>,
    exceeded: Cell<bool>,
}

impl Meter {
    /// A read that may copy at most `bytes`, for a caller that may go away.
    pub fn new(bytes: usize, cancelled: Cancelled) -> Meter {
        Meter {
            cancelled,
            bytes_left: Cell::new(bytes),
            exceeded: Cell::new(false),
        }
    }

    /// Counts a record of `bytes` that is about to be copied.
    ///
    /// # Errors
    /// The caller has gone away, or too many bytes have been copied.
    pub fn record(&self, bytes: usize) -> Result<(), Error> {
        self.check()?;
        match self.bytes_left.get().checked_sub(bytes) {
            Some(left) => {
                self.bytes_left.set(left);
                Ok(())
            }
            None => {
                self.exceeded.set(true);
                Err(Error::RequestTooLarge)
            }
        }
    }

    /// Fails if the caller has gone away.
    ///
    /// # Errors
    /// [`Error::Canceled`].
    pub fn check(&self) -> Result<(), Error> {
        self.cancelled.check()
    }

    /// Whether the read was stopped because it exceeded its limit.
    pub fn was_exceeded(&self) -> bool {
        self.exceeded.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_stops_at_its_limit_and_when_nobody_waits() {
        let cancelled = Cancelled::default();
        let meter = Meter::new(100, cancelled.clone());
        assert_eq!((meter.record(60), meter.record(40)), (Ok(()), Ok(())));
        assert!(!meter.was_exceeded());
        assert_eq!(meter.record(1), Err(Error::RequestTooLarge));
        assert!(meter.was_exceeded());
        let meter = Meter::new(100, cancelled.clone());
        cancelled.set();
        assert_eq!(meter.record(1), Err(Error::Canceled));
        assert!(!meter.was_exceeded());
    }
}
