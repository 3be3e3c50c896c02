//! How a database is opened.

use std::fmt;
use std::sync::Arc;

use super::disk::Watcher;

/// Settings of [`Db::open`](super::Db::open).
#[derive(Clone)]
pub struct Options {
    /// Bytes of a page of a new database, a power of two from 1024 to 65536; `None` is the operating
    /// system's. An existing database keeps its own.
    pub page_size: Option<u32>,
    /// Bytes of address space that are mapped at once, so that growth needs no new mapping. A database that
    /// outgrows it is mapped anew, and readers keep the old mapping.
    pub reserve: u64,
    /// The file grows by at most this many bytes more than it needs; less while it is small.
    pub grow: u64,
    /// Sees every step on the file system before it is taken; for tests.
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
