//! Files that are written outside the storage engine. A file appears under its name only when it is complete and synced.

pub mod digest;
pub mod direct;
pub mod flusher;
pub mod packing;
mod part;
pub mod part_file;
mod target;
pub mod unfinished;
pub mod writer;
