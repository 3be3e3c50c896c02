//! A thread that checks and writes a [`PartFile`], so that network, processor and disk do not wait for each other. The
//! file is renamed only if the digest at the end of the stream matches.

use std::{io, panic::resume_unwind, path::Path, sync::Arc, thread::JoinHandle};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::{
    digest::Digest,
    part::Part,
    part_file::{PartError, PartFile},
};
use crate::golang::string;

/// Number of chunks queued for the thread. A chunk is 32 KiB from etcd, and at most 1 MiB from any server.
const WAITING: usize = 8;

enum Step {
    Chunk(Bytes),
    Finish,
}

/// The file being written. If it is dropped before [`Writer::finish`] has succeeded, the file is removed.
pub struct Writer {
    part: Arc<Part>,
    steps: Option<mpsc::Sender<Step>>,
    thread: Option<JoinHandle<Result<Option<u64>, PartError>>>,
}

impl Writer {
    /// Creates the file like [`PartFile::create`].
    ///
    /// # Errors
    /// The file cannot be created, or could not be renamed later.
    pub fn create(path: &Path, read_soon: bool) -> Result<Writer, PartError> {
        let file = PartFile::create(path, read_soon)?;
        let part = file.part();
        let (steps, received) = mpsc::channel(WAITING);
        let thread = std::thread::Builder::new()
            .name("snapshot".into())
            .spawn(move || write(file, received))
            .map_err(|error| PartError::Write {
                part: string::of_path(path),
                error,
            })?;
        Ok(Writer {
            part,
            steps: Some(steps),
            thread: Some(thread),
        })
    }

    /// Appends a chunk. Waits if the disk is slower than the network.
    ///
    /// # Errors
    /// Why the thread could not write.
    pub async fn write(&mut self, chunk: Bytes) -> Result<(), PartError> {
        self.send(Step::Chunk(chunk)).await
    }

    /// Checks the stream and renames the file. Returns its size in bytes.
    ///
    /// # Errors
    /// The stream is incomplete, or the disk failed.
    pub async fn finish(&mut self) -> Result<u64, PartError> {
        self.send(Step::Finish).await?;
        // The channel is closed when the thread is done or about to end.
        if let Some(steps) = self.steps.take() {
            steps.closed().await;
        }
        self.join().map(Option::unwrap_or_default)
    }

    /// Removes the file at once, for a process that is about to exit. Unlike dropping the writer, this does not wait
    /// for the disk. Returns false if the file is complete and has its final name.
    ///
    /// # Errors
    /// The I/O error; the temporary file may remain.
    pub fn discard(mut self) -> io::Result<bool> {
        // Detach the thread: it ends when the channel is closed, or with the process.
        self.thread = None;
        self.part.remove()
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
            // The thread removes the file; the process must not exit before that.
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
