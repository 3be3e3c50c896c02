//! Options for opening a database.

use std::fmt;
use std::sync::Arc;

use super::watcher::Watcher;

/// Settings of [`Db::open`](super::Db::open).
#[derive(Clone)]
pub struct Options {
    /// Page size of a new database in bytes, a power of two from 1024 to 65536; `None`: that of the operating system.
    /// An existing database keeps its page size.
    pub page_size: Option<u32>,
    /// Number of bytes of address space to map, so that growth needs no new mapping. A database that outgrows it is
    /// mapped again; readers keep the old mapping.
    pub reserve: u64,
    /// The file grows by at most this many bytes more than needed, and by less while it is small.
    pub grow: u64,
    /// Observes every file system operation before it happens; for tests.
    pub watcher: Option<Arc<dyn Watcher>>,
}

impl Default for Options {
    fn default() -> Options {
        let reserve = if cfg!(target_pointer_width = "64") {
            64 << 30
        } else {
            256 << 20
        };
        Options {
            page_size: None,
            reserve,
            grow: 16 << 20,
            watcher: None,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("page_size", &self.page_size)
            .field("reserve", &self.reserve)
            .field("grow", &self.grow)
            .field("watched", &self.watcher.is_some())
            .finish()
    }
}
