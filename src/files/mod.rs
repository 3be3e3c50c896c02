//! Files that are written outside the storage engine. A file appears under its name only when it is complete and synced.

pub mod digest;
pub mod direct;
pub mod part_file;
pub mod writer;
