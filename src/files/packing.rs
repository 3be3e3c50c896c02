//! Compresses files with zstd while they are written. `bolt::unpack` reads such files.

use std::{io, io::Write as _, str::FromStr};

use sha2::{Digest as _, Sha256};
use zstd::stream::write::Encoder;

/// The supported levels of zstd.
const LEVELS: std::ops::RangeInclusive<i32> = 1..=22;

/// The compression of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Packing {
    /// No compression.
    #[default]
    None,
    /// zstd at this level.
    Zstd(i32),
}

impl FromStr for Packing {
    type Err = String;

    /// Parses `zstd`, `zstd:LEVEL`, `none` or an empty string.
    fn from_str(text: &str) -> Result<Packing, String> {
        let wrong = || format!("{text:?} is not zstd or zstd:LEVEL with a level from 1 to 22");
        match text.split_once(':') {
            None if text.is_empty() || text == "none" => Ok(Packing::None),
            // The default level of zstd.
            None if text == "zstd" => Ok(Packing::Zstd(3)),
            Some(("zstd", level)) => {
                let level: i32 = level.parse().map_err(|_| wrong())?;
                LEVELS
                    .contains(&level)
                    .then_some(Packing::Zstd(level))
                    .ok_or_else(wrong)
            }
            _ => Err(wrong()),
        }
    }
}

/// Compresses a stream and hashes the output.
pub struct Packer {
    encoder: Encoder<'static, Vec<u8>>,
    hash: Sha256,
}

impl Packer {
    /// Creates a compressor; `None` without compression.
    ///
    /// # Errors
    /// zstd reports an error.
    pub fn new(packing: Packing) -> io::Result<Option<Packer>> {
        let Packing::Zstd(level) = packing else {
            return Ok(None);
        };
        let mut encoder = Encoder::new(Vec::new(), level)?;
        // With a checksum, tools that only decompress the file notice damage, too.
        encoder.include_checksum(true)?;
        Ok(Some(Packer {
            encoder,
            hash: Sha256::new(),
        }))
    }

    /// Compresses `bytes`, and returns the output so far.
    ///
    /// # Errors
    /// zstd reports an error.
    pub fn pack(&mut self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        self.encoder.write_all(bytes)?;
        let packed = std::mem::take(self.encoder.get_mut());
        self.hash.update(&packed);
        Ok(packed)
    }

    /// Returns the rest of the output, and the SHA-256 of all of it.
    ///
    /// # Errors
    /// zstd reports an error.
    pub fn end(mut self) -> io::Result<(Vec<u8>, [u8; 32])> {
        let rest = self.encoder.finish()?;
        self.hash.update(&rest);
        Ok((rest, self.hash.finalize().into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_read() {
        assert_eq!("zstd".parse(), Ok(Packing::Zstd(3)));
        assert_eq!("zstd:1".parse(), Ok(Packing::Zstd(1)));
        assert_eq!("zstd:22".parse(), Ok(Packing::Zstd(22)));
        assert_eq!("".parse(), Ok(Packing::None));
        for wrong in ["gzip", "zstd:", "zstd:0", "zstd:23", "zstd:x", "zstd:1:2"] {
            assert!(wrong.parse::<Packing>().is_err(), "{wrong}");
        }
    }
}
