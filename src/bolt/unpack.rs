//! Reads files that are compressed with zstd, as backups often are: they are decompressed to an unnamed temporary file,
//! which is then used in their place. Nothing else is written.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    os::unix::fs::FileExt as _,
    path::Path,
};

use super::error::{Error, Result};

/// The magic number of a zstd frame (RFC 8878, 3.1.1).
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Bytes decompressed at once.
const CHUNK: usize = 256 << 10;
/// Maximum size in bytes of a decompressed database, far above what etcd supports, so that a small malicious file cannot
/// fill the disk.
const MAX_UNPACKED: u64 = 64 << 30;

/// Returns the file itself, or its decompressed contents.
///
/// # Errors
/// The file cannot be read or decompressed, or there is not enough space for the contents.
pub fn plain(file: File, path: &Path) -> Result<File> {
    let mut head = [0; MAGIC.len()];
    match file.read_exact_at(&mut head, 0) {
        Ok(()) if head == MAGIC => {}
        // Errors of reading the file are reported by the caller's own reads.
        _ => return Ok(file),
    }
    let here = |e| Error::io(path, "unpack", e);
    let there = |e| Error::io(&std::env::temp_dir(), "unpack a compressed file into", e);
    let mut out = tempfile::tempfile().map_err(there)?;
    let mut decoder = zstd::stream::read::Decoder::new(file).map_err(here)?;
    let mut chunk = vec![0; CHUNK];
    let mut size = 0;
    loop {
        let n = decoder.read(&mut chunk).map_err(here)?;
        if n == 0 {
            return Ok(out);
        }
        size += n as u64;
        if size > MAX_UNPACKED {
            let what = format!("its decompressed size is more than {MAX_UNPACKED} bytes");
            return Err(Error::corrupt(path, None, what));
        }
        out.write_all(&chunk[..n]).map_err(there)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    fn read(file: &File) -> Vec<u8> {
        let mut out = vec![0; file.metadata().unwrap().len() as usize];
        file.read_exact_at(&mut out, 0).unwrap();
        out
    }

    #[test]
    fn compressed_files_are_unpacked_and_others_left_alone() {
        let plain_bytes: Vec<u8> = (0..2_000_000u32).map(|i| (i / 9) as u8).collect();
        let packed = zstd::encode_all(&plain_bytes[..], 3).unwrap();
        let path = Path::new("x");
        let mut from = file(&packed);
        std::io::Seek::rewind(&mut from).unwrap();
        assert!(read(&plain(from, path).unwrap()) == plain_bytes);
        for other in [&b""[..], b"(", &plain_bytes] {
            assert!(read(&plain(file(other), path).unwrap()) == other);
        }
    }

    #[test]
    fn a_damaged_frame_is_named() {
        let mut packed = zstd::encode_all(&[7; 100_000][..], 3).unwrap();
        packed.truncate(packed.len() - 2);
        let mut from = file(&packed);
        std::io::Seek::rewind(&mut from).unwrap();
        let error = plain(from, Path::new("backup.db")).unwrap_err();
        assert!(
            error.to_string().starts_with("backup.db: unpack: "),
            "{error}"
        );
    }
}
