//! How far a read may go: a bound on the bytes that it copies, and the flag of a caller who has gone away.
//! The code that reads asks at every record; nothing here reads or waits.

use std::{
    cell::Cell,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use super::error::Error;

/// Tells the threads that work for a caller whether the caller is still there.
#[derive(Clone, Debug, Default)]
pub struct Cancelled(Arc<AtomicBool>);

impl Cancelled {
    /// The caller is gone.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Fails once the caller is gone.
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
    /// A read that copies at most `bytes`, for a caller who may go away.
    pub fn new(bytes: usize, cancelled: Cancelled) -> Meter {
        Meter {
            cancelled,
            bytes_left: Cell::new(bytes),
            exceeded: Cell::new(false),
        }
    }

    /// A record of `bytes` is about to be copied.
    ///
    /// # Errors
    /// The caller is gone, or too many bytes were copied.
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

    /// Fails once the caller is gone.
    ///
    /// # Errors
    /// [`Error::Canceled`].
    pub fn check(&self) -> Result<(), Error> {
        self.cancelled.check()
    }

    /// Whether the read was stopped because it copied too much.
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
