//! The running CRC-32C of a log. It continues from record to record and from segment to segment: the first record of a
//! segment contains the value at the end of the previous one. Source: etcd v3.7.1, pkg/crc/crc.go.

/// A CRC-32C that can be continued from an earlier value.
#[derive(Debug)]
pub(super) struct Chain(u32);

impl Chain {
    /// Continues from `value`; 0 is the beginning of a log.
    pub fn from(value: u32) -> Chain {
        Chain(value)
    }

    /// Adds `bytes` and returns the new value.
    pub fn add(&mut self, bytes: &[u8]) -> u32 {
        self.0 = crc32c::crc32c_append(self.0, bytes);
        self.0
    }

    /// The current value.
    pub fn value(&self) -> u32 {
        self.0
    }
}

/// The CRC-32C of `bytes` alone.
pub(super) fn crc32c(bytes: &[u8]) -> u32 {
    ::crc32c::crc32c(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_continues_where_another_ended() {
        // RFC 3720, B.4: 32 bytes of zeros.
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        let first = Chain::from(0).add(&[0; 11]);
        assert_eq!(Chain::from(first).add(&[0; 21]), 0x8a91_36aa);
        assert_eq!(Chain::from(first).value(), first);
    }
}
