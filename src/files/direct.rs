//! A file that is written from front to back past the system's page cache, where the file system can do that:
//! a backup then throws nothing else out of memory, and is not copied once more. The writing has a thread of
//! its own, because nobody else takes a write's time from who makes it. Knows nothing of snapshots.

use std::{
    fs::File,
    io, mem,
    os::unix::fs::FileExt,
    panic::resume_unwind,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread::{Builder, JoinHandle},
};

use crate::bolt::Flusher;

/// Bytes that go to the disk at once. There are two buffers of them: one is filled, one is written.
const BUFFER: usize = 512 << 10;
/// What memory, length and place of such a write must be multiples of, bytes: as much as any disk asks for.
const ALIGN: usize = 4096;

/// The file. All of it is written after [`DirectFile::flush`], and on the disk after [`DirectFile::sync`].
pub struct DirectFile {
    buffer: Buffer,
    /// With the thread while there is one, and lost if that has failed.
    out: Option<Out>,
    thread: Option<Disk>,
}

impl DirectFile {
    /// Writes into an empty file. One that is `read_soon` stays in memory.
    pub fn new(file: File, read_soon: bool) -> DirectFile {
        DirectFile {
            buffer: Buffer::new(),
            out: Some(Out {
                file,
                wanted: !read_soon,
                direct: false,
                written: 0,
                flusher: Flusher::default(),
            }),
            thread: None,
        }
    }

    /// Appends.
    ///
    /// # Errors
    /// The system's, of this write or of one before.
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

    /// Gives the full buffer to the thread, and takes an empty one; false if there is no thread any more.
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

    fn out(&mut self) -> io::Result<&mut Out> {
        self.join()?;
        self.out
            .as_mut()
            .ok_or_else(|| io::ErrorKind::BrokenPipe.into())
    }

    /// Writes what is left, and waits for it.
    ///
    /// # Errors
    /// The system's, of this write or of one before.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out()?.indirect()?;
        let rest = mem::replace(&mut self.buffer, Buffer::new());
        self.out()?.put(rest.bytes())
    }

    /// Brings all of it to the disk.
    ///
    /// # Errors
    /// The system's.
    pub fn sync(&mut self) -> io::Result<()> {
        let out = self.out()?;
        out.flusher.end()?;
        out.file.sync_all()
    }
}

impl Drop for DirectFile {
    fn drop(&mut self) {
        // Whoever did not ask has given the file up.
        let _ = self.join();
    }
}

/// Memory that a disk can read from.
struct Buffer {
    memory: Vec<u8>,
    /// Where the aligned part begins.
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

    /// Takes what there is room for; the rest comes back.
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

/// The thread that writes.
struct Disk {
    full: SyncSender<Buffer>,
    empty: Receiver<Buffer>,
    second: Option<Buffer>,
    thread: JoinHandle<io::Result<Out>>,
}

impl Disk {
    fn start(mut out: Out) -> io::Result<Disk> {
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
struct Out {
    file: File,
    /// Whether long writes should go past the page cache.
    wanted: bool,
    /// Whether writes go past the page cache, until one is refused.
    direct: bool,
    written: u64,
    flusher: Flusher,
}

impl Out {
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
                // The file system, or the disk, asks for more than could be known.
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
    fn a_refused_write_takes_the_usual_way() {
        let at = tempfile::NamedTempFile::new().unwrap();
        let mut file = DirectFile::new(at.reopen().unwrap(), false);
        // Memory and length are none for a direct write.
        let odd = vec![7; ALIGN + 100];
        let out = file.out().unwrap();
        out.direct = set_direct(&out.file, true).is_ok();
        // Some file systems take it all the same.
        out.put(&odd[1..]).unwrap();
        file.write(b"end").unwrap();
        file.flush().unwrap();
        let read = std::fs::read(at.path()).unwrap();
        assert_eq!(read, [&odd[1..], b"end"].concat());
    }

    #[test]
    fn a_full_disk_is_told() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let mut file = DirectFile::new(full, false);
        let mut write = || (0..9).try_for_each(|_| file.write(&[0; BUFFER]));
        assert_eq!(write().unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert!(file.flush().is_err());
    }
}
