//! A thread that checks and writes a [`PartFile`], so that network, processor and disk do not wait for each other. The
//! file is renamed only if the digest at the end of the stream matches.

use std::{
    io,
    panic::resume_unwind,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc as std_mpsc,
    },
    thread::{self, JoinHandle},
};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::{
    digest::{Checked, Digest},
    packing::{Packer, Packing},
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

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Bytes of the file.
    pub size: u64,
    /// SHA-256 of the file, as `sha256sum` prints it.
    pub sha256: [u8; 32],
}

/// Removes the file of a [`Writer`] when a signal ends the process.
#[derive(Clone)]
pub struct Discard {
    part: Arc<Part>,
    discarded: Arc<AtomicBool>,
}

impl Discard {
    /// Removes the file at once, for a process that is about to exit. Unlike dropping the writer, this does not wait for
    /// the disk, and dropping the writer afterwards does not either. Returns false if the file is complete and has its
    /// final name.
    ///
    /// # Errors
    /// The I/O error; the temporary file may remain.
    pub fn now(&self) -> io::Result<bool> {
        self.discarded.store(true, Ordering::Relaxed);
        self.part.remove()
    }
}

/// The file being written. If it is dropped before [`Writer::finish`] has succeeded, the file is removed.
pub struct Writer {
    discard: Discard,
    steps: Option<mpsc::Sender<Step>>,
    thread: Option<JoinHandle<Result<Option<Written>, PartError>>>,
}

impl Writer {
    /// Creates the file like [`PartFile::create`], and compresses what is written to it as `packing` says.
    ///
    /// # Errors
    /// The file cannot be created, or could not be renamed later.
    pub fn create(path: &Path, read_soon: bool, packing: Packing) -> Result<Writer, PartError> {
        let file = PartFile::create(path, read_soon)?;
        let discard = Discard {
            part: file.part(),
            discarded: Arc::default(),
        };
        let (steps, received) = mpsc::channel(WAITING);
        let failed = |error| PartError::Write {
            part: string::of_path(path),
            error,
        };
        let packer = Packer::new(packing).map_err(failed)?;
        let thread = thread::Builder::new()
            .name("snapshot".into())
            .spawn(move || match packer {
                None => write(file, received),
                Some(packer) => write_packed(file, packer, received),
            })
            .map_err(failed)?;
        Ok(Writer {
            discard,
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

    /// Checks the stream and renames the file. Returns its size and digest.
    ///
    /// # Errors
    /// The stream is incomplete, or the disk failed.
    pub async fn finish(&mut self) -> Result<Written, PartError> {
        self.send(Step::Finish).await?;
        // The channel is closed when the thread is done or about to end.
        if let Some(steps) = self.steps.take() {
            steps.closed().await;
        }
        let none = Written {
            size: 0,
            sha256: [0; 32],
        };
        self.join().map(|written| written.unwrap_or(none))
    }

    /// A handle that can remove the file.
    pub fn discard(&self) -> Discard {
        self.discard.clone()
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

    fn join(&mut self) -> Result<Option<Written>, PartError> {
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
        if self.discard.discarded.load(Ordering::Relaxed) {
            // The thread ends when the channel is closed, or with the process.
            return;
        }
        if let Some(thread) = self.thread.take() {
            // The thread removes the file; the process must not exit before that.
            let _ = thread.join();
        }
    }
}

/// Writes the stream. `None` if it was abandoned before its end.
fn write(
    mut file: PartFile,
    mut steps: mpsc::Receiver<Step>,
) -> Result<Option<Written>, PartError> {
    let mut digest = Digest::default();
    while let Some(step) = steps.blocking_recv() {
        match step {
            Step::Chunk(chunk) => {
                digest.update(&chunk);
                file.write(&chunk)?;
            }
            Step::Finish => {
                let Checked { size, sha256 } = digest.check()?;
                file.finish()?;
                return Ok(Some(Written { size, sha256 }));
            }
        }
    }
    Ok(None)
}

/// Compresses the stream, and checks it on a second thread, because the two take about equally long.
fn write_packed(
    mut file: PartFile,
    mut packer: Packer,
    mut steps: mpsc::Receiver<Step>,
) -> Result<Option<Written>, PartError> {
    thread::scope(|scope| {
        let (chunks, to_check) = std_mpsc::sync_channel::<Bytes>(WAITING);
        let checking = scope.spawn(move || {
            let mut digest = Digest::default();
            for chunk in to_check {
                digest.update(&chunk);
            }
            digest.check()
        });
        let mut ended = false;
        while let Some(step) = steps.blocking_recv() {
            match step {
                Step::Chunk(chunk) => {
                    // The thread receives chunks until the channel is closed.
                    let _ = chunks.send(chunk.clone());
                    let packed = packer.pack(&chunk).map_err(|e| file.write_error(e))?;
                    file.write(&packed)?;
                }
                Step::Finish => {
                    ended = true;
                    break;
                }
            }
        }
        drop(chunks);
        let checked = checking.join().unwrap_or_else(|panic| resume_unwind(panic));
        if !ended {
            return Ok(None);
        }
        checked?;
        let (rest, sha256) = packer.end().map_err(|e| file.write_error(e))?;
        file.write(&rest)?;
        let size = file.size();
        file.finish()?;
        Ok(Some(Written { size, sha256 }))
    })
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    use super::*;

    #[tokio::test]
    async fn compressed_files_decompress_unchanged_and_the_digest_is_that_of_the_file() {
        let mut stream: Vec<u8> = (0..(3 << 20)).map(|i: u32| (i / 500) as u8).collect();
        let digest = Sha256::digest(&stream);
        stream.extend_from_slice(&digest);
        let dir = tempfile::tempdir().unwrap();
        for packing in [Packing::None, Packing::Zstd(1), Packing::Zstd(19)] {
            let path = dir.path().join("s");
            let mut writer = Writer::create(&path, false, packing).unwrap();
            for chunk in stream.chunks(300_000) {
                writer.write(Bytes::copy_from_slice(chunk)).await.unwrap();
            }
            let written = writer.finish().await.unwrap();
            let file = std::fs::read(&path).unwrap();
            assert_eq!(written.size, file.len() as u64);
            assert_eq!(written.sha256[..], Sha256::digest(&file)[..]);
            let packed = packing != Packing::None;
            assert_eq!(file.len() < stream.len(), packed);
            let plain = match packed {
                true => zstd::decode_all(&file[..]).unwrap(),
                false => file,
            };
            assert!(plain == stream, "{packing:?}");
        }
    }

    #[tokio::test]
    async fn a_stream_that_was_changed_leaves_nothing_packed_or_not() {
        let dir = tempfile::tempdir().unwrap();
        for packing in [Packing::None, Packing::Zstd(3)] {
            let mut writer = Writer::create(&dir.path().join("s"), false, packing).unwrap();
            let stream = Bytes::from(vec![7; 1024 + 32]);
            writer.write(stream).await.unwrap();
            let error = writer.finish().await.unwrap_err();
            assert!(matches!(error, PartError::WrongDigest { .. }), "{error}");
            drop(writer);
            assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        }
    }
}
