//! Computes the SHA-256 of a snapshot stream, which ends with this digest. Where the digest begins is known only when
//! the stream ends.

use sha2::{Digest as _, Sha256};

use super::part_file::PartError;

/// Size of the digest in bytes.
const DIGEST: usize = 32;
/// The database consists of whole pages; the digest follows them (etcd v3.7.1, client/v3/snapshot).
const SECTOR: u64 = 512;

/// The digest of a stream so far.
#[derive(Default)]
pub struct Digest {
    hash: Sha256,
    /// The last bytes of the stream, which may turn out to be the digest.
    tail: Vec<u8>,
    size: u64,
}

impl Digest {
    /// Adds `bytes`.
    pub fn update(&mut self, bytes: &[u8]) {
        self.size += bytes.len() as u64;
        if bytes.len() >= DIGEST {
            let (body, tail) = bytes.split_at(bytes.len() - DIGEST);
            self.hash.update(&self.tail);
            self.hash.update(body);
            self.tail.clear();
            self.tail.extend_from_slice(tail);
        } else {
            self.tail.extend_from_slice(bytes);
            let over = self.tail.len().saturating_sub(DIGEST);
            self.hash.update(&self.tail[..over]);
            self.tail.drain(..over);
        }
    }

    /// Checks that the stream is complete. Returns its total size in bytes.
    ///
    /// # Errors
    /// The stream is incomplete or was changed in transit.
    pub fn check(self) -> Result<u64, PartError> {
        if self.size % SECTOR != DIGEST as u64 {
            return Err(PartError::NoDigest(self.size));
        }
        let actual = self.hash.finalize();
        if actual[..] != self.tail[..] {
            return Err(PartError::WrongDigest {
                expected: hex(&self.tail),
                actual: hex(&actual),
                size: self.size,
            });
        }
        Ok(self.size)
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut out, b| {
        // Writing to a String cannot fail.
        let _ = write!(out, "{b:02x}");
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream() -> Vec<u8> {
        let mut bytes = vec![7; 1024];
        let digest = Sha256::digest(&bytes);
        bytes.extend_from_slice(&digest);
        bytes
    }

    fn check(stream: &[u8], part: usize) -> Result<u64, PartError> {
        let mut digest = Digest::default();
        for part in stream.chunks(part) {
            digest.update(part);
        }
        digest.check()
    }

    #[test]
    fn it_is_found_however_the_stream_is_cut() {
        for part in [1, 5, 31, 32, 33, 512, 2000] {
            assert_eq!(check(&stream(), part).unwrap(), 1056, "{part}");
        }
    }

    #[test]
    fn incomplete_values_are_recognized() {
        let mut flipped = stream();
        flipped[100] ^= 1;
        assert!(matches!(
            check(&flipped, 100),
            Err(PartError::WrongDigest { .. })
        ));
        assert!(matches!(
            check(&stream()[..1000], 100),
            Err(PartError::NoDigest(1000))
        ));
        assert!(matches!(check(&[], 100), Err(PartError::NoDigest(0))));
    }
}
