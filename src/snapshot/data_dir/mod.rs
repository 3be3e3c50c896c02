//! Changes to a stopped member's data directory: defragmentation and migration. Unlike the rest of `snapshot` these
//! write, under the same lock that servers take.

mod defrag;
mod locate;
mod migrate;

pub use defrag::{DefragOutcome, defragment};
pub use locate::{database, file_or_database};
pub use migrate::{MigrateError, Migrated, TargetVersion, migrate};
