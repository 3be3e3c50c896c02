//! Syncs a long file in the background while it is still being written, so that the sync at its end is short. Guarantees
//! nothing by itself: the file must still be synced at the end. Names no other module, so that `bolt` can use it.

use std::fs::File;
use std::io;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};

/// Number of bytes between two syncs.
const STEP: u64 = 16 << 20;

/// Syncs a file on a background thread after every 16 MiB written.
#[derive(Default)]
pub struct Flusher {
    written: u64,
    thread: Option<(SyncSender<()>, JoinHandle<io::Result<()>>)>,
}

impl Flusher {
    /// Counts bytes written to `file`, and starts a sync if enough have accumulated.
    pub fn wrote(&mut self, file: &File, bytes: u64) {
        self.written += bytes;
        if self.written < STEP {
            return;
        }
        self.written = 0;
        if self.thread.is_none() {
            // Without a thread, everything is synced at the end.
            self.thread = file.try_clone().and_then(start).ok();
        }
        if let Some((ask, _)) = &self.thread {
            // If a sync is running, another one is already queued.
            let _ = ask.try_send(());
        }
    }

    /// Waits for the thread.
    ///
    /// # Errors
    /// A background sync failed. The system reports each failure only once, so the sync at the end may succeed.
    pub fn end(&mut self) -> io::Result<()> {
        let Some((ask, thread)) = self.thread.take() else {
            return Ok(());
        };
        drop(ask);
        match thread.join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

impl Drop for Flusher {
    fn drop(&mut self) {
        // A caller that did not call `end` has abandoned the file.
        let _ = self.end();
    }
}

fn start(file: File) -> io::Result<(SyncSender<()>, JoinHandle<io::Result<()>>)> {
    let (ask, asked) = sync_channel(1);
    let thread = Builder::new().name("flush".into()).spawn(move || {
        while asked.recv().is_ok() {
            file.sync_data()?;
        }
        Ok(())
    })?;
    Ok((ask, thread))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_sync_is_reported_once() {
        // A socket cannot be synced.
        let (a, _b) = std::os::unix::net::UnixStream::pair().unwrap();
        let file = File::from(std::os::fd::OwnedFd::from(a));
        let mut flusher = Flusher::default();
        flusher.wrote(&file, STEP - 1);
        assert!(flusher.end().is_ok());
        flusher.wrote(&file, 1);
        assert!(flusher.end().is_err());
        assert!(flusher.end().is_ok());
    }
}
