//! A thread that checks and writes a [`PartFile`], so that the network does not wait for processor and disk,
//! nor they for the network. The file gets its name only if the digest fits.

use std::{panic::resume_unwind, path::Path, thread::JoinHandle};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::{
    digest::Digest,
    part_file::{PartError, PartFile},
};
use crate::golang::string;

/// Chunks on their way to the thread. A chunk is 32 KiB from etcd and at most 1 MiB from anybody.
const WAITING: usize = 8;

enum Step {
    Chunk(Bytes),
    Finish,
}

/// The file being written. Dropped before [`Writer::finish`], nothing is left of it.
pub struct Writer {
    steps: Option<mpsc::Sender<Step>>,
    thread: Option<JoinHandle<Result<Option<u64>, PartError>>>,
}

impl Writer {
    /// Makes `PATH.part`, as [`PartFile::create`] does.
    ///
    /// # Errors
    /// The file can't be made.
    pub fn create(path: &Path, read_soon: bool) -> Result<Writer, PartError> {
        let file = PartFile::create(path, read_soon)?;
        let (steps, received) = mpsc::channel(WAITING);
        let thread = std::thread::Builder::new()
            .name("snapshot".into())
            .spawn(move || write(file, received))
            .map_err(|error| PartError::Write {
                part: string::of_path(path),
                error,
            })?;
        Ok(Writer {
            steps: Some(steps),
            thread: Some(thread),
        })
    }

    /// Appends; waits while the disk is behind.
    ///
    /// # Errors
    /// What kept the thread from writing.
    pub async fn write(&mut self, chunk: Bytes) -> Result<(), PartError> {
        self.send(Step::Chunk(chunk)).await
    }

    /// Checks what came and gives the file its name. Its size in bytes.
    ///
    /// # Errors
    /// The stream was not whole, or the disk refuses.
    pub async fn finish(mut self) -> Result<u64, PartError> {
        self.send(Step::Finish).await?;
        // The end of the channel tells that the thread is done, or nearly.
        if let Some(steps) = self.steps.take() {
            steps.closed().await;
        }
        self.join().map(Option::unwrap_or_default)
    }

    async fn send(&mut self, step: Step) -> Result<(), PartError> {
        if let Some(steps) = &self.steps
            && steps.send(step).await.is_ok()
        {
            return Ok(());
        }
        self.steps = None;
        self.join().map(drop)
    }

    fn join(&mut self) -> Result<Option<u64>, PartError> {
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            Some(Err(panic)) => resume_unwind(panic),
            None => Ok(None),
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.steps = None;
        if let Some(thread) = self.thread.take() {
            // It removes the file; the process must not end before.
            let _ = thread.join();
        }
    }
}

fn write(mut file: PartFile, mut steps: mpsc::Receiver<Step>) -> Result<Option<u64>, PartError> {
    let mut digest = Digest::default();
    while let Some(step) = steps.blocking_recv() {
        match step {
            Step::Chunk(chunk) => {
                digest.update(&chunk);
                file.write(&chunk)?;
            }
            Step::Finish => {
                let size = digest.check()?;
                file.finish()?;
                return Ok(Some(size));
            }
        }
    }
    Ok(None)
}
