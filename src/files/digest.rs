//! The SHA-256 that ends a stream of a snapshot, computed as it comes. Where the stream ends, and so what of
//! it is the digest, is known only at its end.

use sha2::{Digest as _, Sha256};

use super::part_file::PartError;

/// Bytes of the digest at the end of the stream.
const DIGEST: usize = 32;
/// The database is whole pages; the digest makes it this many bytes more (etcd v3.7.1, client/v3/snapshot).
const SECTOR: u64 = 512;

/// A stream that goes by.
#[derive(Default)]
pub struct Digest {
    hash: Sha256,
    /// The last bytes seen: what may turn out to be the digest.
    tail: Vec<u8>,
    size: u64,
}

impl Digest {
    /// Goes on with `bytes`.
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

    /// Whether the stream may end here. The size of all of it in bytes.
    ///
    /// # Errors
    /// It was not whole, or something of it is not what was sent.
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
        // A String takes everything.
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
    fn what_is_not_whole_is_known() {
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
