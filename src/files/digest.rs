//! Computes the SHA-256 of a snapshot stream, which ends with this digest. Where the digest begins is known only when
//! the stream ends.

use sha2::{Digest as _, Sha256};

use super::part_file::PartError;
use crate::golang::format::hex_digits;

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

    /// Checks that the stream is complete.
    ///
    /// # Errors
    /// The stream is incomplete or was changed in transit.
    pub fn check(self) -> Result<Checked, PartError> {
        if self.size % SECTOR != DIGEST as u64 {
            return Err(PartError::NoDigest(self.size));
        }
        let mut whole = self.hash.clone();
        let actual = self.hash.finalize();
        if actual[..] != self.tail[..] {
            return Err(PartError::WrongDigest {
                expected: hex_digits(&self.tail),
                actual: hex_digits(&actual),
                size: self.size,
            });
        }
        whole.update(&self.tail);
        Ok(Checked {
            size: self.size,
            sha256: whole.finalize().into(),
        })
    }
}

/// A complete stream whose digest matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checked {
    /// Bytes of the whole stream, the digest at its end included.
    pub size: u64,
    /// SHA-256 of the whole stream, as `sha256sum` prints it of a file with these bytes.
    pub sha256: [u8; 32],
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

    fn check(stream: &[u8], part: usize) -> Result<Checked, PartError> {
        let mut digest = Digest::default();
        for part in stream.chunks(part) {
            digest.update(part);
        }
        digest.check()
    }

    #[test]
    fn it_is_found_however_the_stream_is_cut() {
        let want = Checked {
            size: 1056,
            sha256: Sha256::digest(stream()).into(),
        };
        for part in [1, 5, 31, 32, 33, 512, 2000] {
            assert_eq!(check(&stream(), part).unwrap(), want, "{part}");
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
