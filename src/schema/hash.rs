//! CRC-32C (Castagnoli) as etcd uses it, and the hash over a whole backend: the name of every bucket, then its keys and
//! values. Source: etcd v3.7.1, etcdutl/snapshot/v3_snapshot.go, server/storage/backend/backend.go,
//! server/storage/schema/bucket.go.

use super::{bucket, meta};

/// A running CRC-32C. Short inputs are buffered, because the fast implementation needs long ones.
pub struct Crc32c {
    crc: u32,
    buffer: Vec<u8>,
}

/// Number of bytes that are buffered before they are hashed.
const GATHER: usize = 16 << 10;

impl Default for Crc32c {
    fn default() -> Self {
        Crc32c {
            crc: 0,
            buffer: Vec::with_capacity(GATHER),
        }
    }
}

impl Crc32c {
    /// Adds `bytes`.
    #[inline]
    pub fn write(&mut self, bytes: &[u8]) {
        if self.buffer.len() + bytes.len() > GATHER {
            self.flush();
            if bytes.len() >= GATHER {
                self.crc = crc32c::crc32c_append(self.crc, bytes);
                return;
            }
        }
        self.buffer.extend_from_slice(bytes);
    }

    fn flush(&mut self) {
        self.crc = crc32c::crc32c_append(self.crc, &self.buffer);
        self.buffer.clear();
    }

    /// The CRC of all input so far.
    pub fn sum(&mut self) -> u32 {
        self.flush();
        self.crc
    }
}

/// Whether the `Hash` RPC skips a record, because members of a cluster may differ in it. `snapshot status` skips
/// nothing.
pub fn ignored_by_server(bucket_name: &[u8], key: &[u8]) -> bool {
    bucket_name == bucket::META
        && [meta::CONSISTENT_INDEX, meta::TERM, meta::STORAGE_VERSION].contains(&key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_do_not_matter() {
        // RFC 3720, B.4: 32 bytes of zeros.
        let mut crc = Crc32c::default();
        for _ in 0..32 {
            crc.write(&[0]);
        }
        assert_eq!(crc.sum(), 0x8a91_36aa);
        let data: Vec<u8> = (0..100_000u32).map(|i| (i * 7) as u8).collect();
        let mut whole = Crc32c::default();
        whole.write(&data);
        let mut parts = Crc32c::default();
        for part in data.chunks(997) {
            parts.write(part);
        }
        assert_eq!(whole.sum(), parts.sum());
    }

    #[test]
    fn the_server_ignores_three_records() {
        assert!(ignored_by_server(b"meta", b"term"));
        assert!(!ignored_by_server(b"meta", b"confState"));
        assert!(!ignored_by_server(b"key", b"term"));
    }
}
