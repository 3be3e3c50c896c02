//! The size of a database, and how much of it is in use. Reads nothing.

use super::meta::Meta;

/// Size of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sizes {
    /// Bytes up to the high-water mark; etcd calls this `dbSize`.
    pub total: u64,
    /// `total` without the free pages; etcd calls this `dbSizeInUse`. Pages that only readers still use are included.
    pub in_use: u64,
}

impl Sizes {
    pub(super) fn new(meta: &Meta, free_pages: u64) -> Sizes {
        let page_size = u64::from(meta.page_size);
        Sizes {
            total: meta.high_water * page_size,
            in_use: meta.high_water.saturating_sub(free_pages) * page_size,
        }
    }
}
