//! Writes a file sequentially, bypassing the page cache if the file system supports that (direct I/O). A backup then
//! evicts nothing from memory and is not copied an extra time. A thread does the writing, because the caller would
//! otherwise wait for each write.

use std::{
    fs::File,
    io, mem,
    os::unix::fs::FileExt,
    panic::resume_unwind,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread::{Builder, JoinHandle},
};

use super::flusher::Flusher;

/// Size of a buffer in bytes. There are two: one is being filled while the other is being written.
const BUFFER: usize = 512 << 10;
/// Memory address, length and offset of a direct write must be multiples of this many bytes, which suffices for any
/// disk.
const ALIGN: usize = 4096;

/// A file being written. [`DirectFile::flush`] completes all writes, [`DirectFile::sync`] makes them durable.
pub struct DirectFile {
    buffer: Buffer,
    /// Owned by the thread while there is one; `None` if the thread failed.
    out: Option<OutputFile>,
    thread: Option<Disk>,
}

impl DirectFile {
    /// Writes to an empty file. If `read_soon`, the content stays in the page cache.
    pub fn new(file: File, read_soon: bool) -> DirectFile {
        DirectFile {
            buffer: Buffer::new(),
            out: Some(OutputFile {
                file,
                wanted: !read_soon,
                direct: false,
                written: 0,
                flusher: Flusher::default(),
            }),
            thread: None,
        }
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// The I/O error of this or an earlier write.
    pub fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            bytes = self.buffer.fill(bytes);
            if self.buffer.filled == BUFFER && !self.hand_over()? {
                self.join()?;
                return Err(io::ErrorKind::BrokenPipe.into());
            }
        }
        Ok(())
    }

    /// Passes the full buffer to the thread and takes an empty one. Returns false if the thread has ended.
    fn hand_over(&mut self) -> io::Result<bool> {
        if let Some(out) = self.out.take() {
            self.thread = Some(Disk::start(out)?);
        }
        let Some(disk) = &mut self.thread else {
            return Ok(false);
        };
        let empty = match disk.second.take() {
            Some(second) => second,
            None => match disk.empty.recv() {
                Ok(empty) => empty,
                Err(_) => return Ok(false),
            },
        };
        let full = mem::replace(&mut self.buffer, empty);
        Ok(disk.full.send(full).is_ok())
    }

    fn join(&mut self) -> io::Result<()> {
        if let Some(Disk { full, thread, .. }) = self.thread.take() {
            drop(full);
            self.out = Some(thread.join().unwrap_or_else(|e| resume_unwind(e))?);
        }
        Ok(())
    }

    fn out(&mut self) -> io::Result<&mut OutputFile> {
        self.join()?;
        self.out
            .as_mut()
            .ok_or_else(|| io::ErrorKind::BrokenPipe.into())
    }

    /// Writes the remaining bytes and waits for completion.
    ///
    /// # Errors
    /// The I/O error of this or an earlier write.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out()?.indirect()?;
        let rest = mem::replace(&mut self.buffer, Buffer::new());
        self.out()?.put(rest.bytes())
    }

    /// Syncs the file.
    ///
    /// # Errors
    /// The I/O error.
    pub fn sync(&mut self) -> io::Result<()> {
        let out = self.out()?;
        out.flusher.end()?;
        out.file.sync_all()
    }
}

impl Drop for DirectFile {
    fn drop(&mut self) {
        // A caller that did not call `flush` has abandoned the file.
        let _ = self.join();
    }
}

/// A buffer with the alignment that direct I/O needs.
struct Buffer {
    memory: Vec<u8>,
    /// Index at which the aligned part begins.
    start: usize,
    filled: usize,
}

impl Buffer {
    fn new() -> Buffer {
        let memory = vec![0; BUFFER + ALIGN];
        let start = memory.as_ptr().align_offset(ALIGN).min(ALIGN);
        Buffer {
            memory,
            start,
            filled: 0,
        }
    }

    /// Copies as many bytes as fit. Returns the rest.
    fn fill<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let (now, later) = bytes.split_at(bytes.len().min(BUFFER - self.filled));
        let at = self.start + self.filled;
        self.memory[at..at + now.len()].copy_from_slice(now);
        self.filled += now.len();
        later
    }

    fn bytes(&self) -> &[u8] {
        &self.memory[self.start..self.start + self.filled]
    }
}

/// The writer thread.
struct Disk {
    full: SyncSender<Buffer>,
    empty: Receiver<Buffer>,
    second: Option<Buffer>,
    thread: JoinHandle<io::Result<OutputFile>>,
}

impl Disk {
    fn start(mut out: OutputFile) -> io::Result<Disk> {
        let (full, to_write) = sync_channel::<Buffer>(1);
        let (written, empty) = sync_channel(2);
        let thread = Builder::new().name("disk".into()).spawn(move || {
            out.direct = out.wanted && set_direct(&out.file, true).is_ok();
            for mut buffer in to_write {
                out.put(buffer.bytes())?;
                buffer.filled = 0;
                if written.send(buffer).is_err() {
                    break;
                }
            }
            Ok(out)
        })?;
        Ok(Disk {
            full,
            empty,
            second: Some(Buffer::new()),
            thread,
        })
    }
}

/// The file itself.
struct OutputFile {
    file: File,
    /// Whether direct I/O should be used for long writes.
    wanted: bool,
    /// Whether direct I/O is in use; cleared when a write is refused.
    direct: bool,
    written: u64,
    flusher: Flusher,
}

impl OutputFile {
    fn indirect(&mut self) -> io::Result<()> {
        if self.direct {
            set_direct(&self.file, false)?;
            self.direct = false;
        }
        Ok(())
    }

    fn put(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        let all = bytes.len();
        while !bytes.is_empty() {
            match self.file.write_at(bytes, self.written) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => {
                    bytes = bytes.get(n..).unwrap_or_default();
                    self.written += n as u64;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                // The file system or the disk has requirements that could not be determined in advance.
                Err(e) if self.direct && e.kind() == io::ErrorKind::InvalidInput => {
                    self.indirect()?;
                }
                Err(e) => return Err(e),
            }
        }
        if !self.direct {
            self.flusher.wrote(&self.file, all as u64);
        }
        Ok(())
    }
}

#[cfg(target_os = "linux")]
fn set_direct(file: &File, on: bool) -> io::Result<()> {
    use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
    let mut flags = fcntl_getfl(file)?;
    flags.set(OFlags::DIRECT, on);
    Ok(fcntl_setfl(file, flags)?)
}

#[cfg(not(target_os = "linux"))]
fn set_direct(_: &File, on: bool) -> io::Result<()> {
    match on {
        true => Err(io::ErrorKind::Unsupported.into()),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_there_in_order_whatever_the_sizes() {
        let sizes = [0, 1, BUFFER - 1, BUFFER, 5 * BUFFER];
        for size in sizes
            .into_iter()
            .chain([2 * BUFFER + 4096, 4 * BUFFER + 32])
        {
            let bytes: Vec<u8> = (0..size).map(|i| (i / 7) as u8).collect();
            for part in [1000, BUFFER, BUFFER + 1] {
                let at = tempfile::NamedTempFile::new().unwrap();
                let mut file = DirectFile::new(at.reopen().unwrap(), part == 1000);
                for part in bytes.chunks(part) {
                    file.write(part).unwrap();
                }
                file.flush().unwrap();
                file.sync().unwrap();
                assert!(std::fs::read(at.path()).unwrap() == bytes, "{size} {part}");
            }
        }
    }

    #[test]
    fn a_rejected_direct_write_is_repeated_without_direct_io() {
        let at = tempfile::NamedTempFile::new().unwrap();
        let mut file = DirectFile::new(at.reopen().unwrap(), false);
        // An address and a length that are not aligned.
        let odd = vec![7; ALIGN + 100];
        let out = file.out().unwrap();
        out.direct = set_direct(&out.file, true).is_ok();
        // Some file systems accept it anyway.
        out.put(&odd[1..]).unwrap();
        file.write(b"end").unwrap();
        file.flush().unwrap();
        let read = std::fs::read(at.path()).unwrap();
        assert_eq!(read, [&odd[1..], b"end"].concat());
    }

    #[test]
    fn a_full_disk_is_reported() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let mut file = DirectFile::new(full, false);
        let mut write = || (0..9).try_for_each(|_| file.write(&[0; BUFFER]));
        assert_eq!(write().unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert!(file.flush().is_err());
    }
}
