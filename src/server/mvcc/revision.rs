//! The representation of revisions in the index. Their meaning and their encoding on disk are in `schema::key`.

pub use crate::schema::key::Revision;

/// Maximum sub revision in an index: the highest of its 32 bits marks a tombstone. A transaction with more changes does
/// not fit into a request.
pub const MAX_SUB: i64 = (u32::MAX >> 1) as i64;

/// A revision and whether it is a tombstone, in 12 bytes. The index contains one for every change that has not been
/// compacted, so its size determines the memory that the server needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PackedRev {
    main_high: u32,
    main_low: u32,
    /// Sub revision; the highest bit marks a tombstone.
    sub: u32,
}

const TOMBSTONE: u32 = 1 << 31;

impl PackedRev {
    /// Packs a put. The sub revision must not exceed [`MAX_SUB`].
    pub fn put(rev: Revision) -> PackedRev {
        debug_assert!((0..=MAX_SUB).contains(&rev.sub));
        PackedRev {
            main_high: (rev.main >> 32) as u32,
            main_low: rev.main as u32,
            sub: rev.sub as u32 & !TOMBSTONE,
        }
    }

    /// Packs a deletion.
    pub fn tombstone(rev: Revision) -> PackedRev {
        let mut packed = PackedRev::put(rev);
        packed.sub |= TOMBSTONE;
        packed
    }

    pub fn main(self) -> i64 {
        (i64::from(self.main_high) << 32) | i64::from(self.main_low)
    }

    pub fn revision(self) -> Revision {
        Revision::new(self.main(), i64::from(self.sub & !TOMBSTONE))
    }

    pub fn is_tombstone(self) -> bool {
        self.sub & TOMBSTONE != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packing_keeps_every_part() {
        for main in [0, 1, 2, i64::from(u32::MAX), 1 << 32, i64::MAX] {
            for sub in [0, 1, MAX_SUB] {
                let rev = Revision { main, sub };
                let put = PackedRev::put(rev);
                assert_eq!((put.revision(), put.is_tombstone()), (rev, false));
                let gone = PackedRev::tombstone(rev);
                assert_eq!((gone.revision(), gone.is_tombstone()), (rev, true));
            }
        }
        assert_eq!(size_of::<PackedRev>(), 12);
    }
}
