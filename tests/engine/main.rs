//! The storage engine, the file formats and the offline tools.

/// Keys that only grow, as revisions do.
mod appends;
/// Power losses and kills at every step: always the old or the new state.
mod crash;
/// Every damaged file: what is wrong is named, or etcdutl's answer is given.
mod damaged;
/// Verdicts on files.
mod examine;
/// A disk that is full or broken: what fails, what latches, what goes on.
mod faults;
/// Where the files come from.
mod fixture_data;
/// Files of real etcd servers, with the answers of etcd's own tools.
mod fixtures;
/// Files that others wrote, sound and damaged, opened for writing.
mod foreign;
/// The lock, leftovers, replaced files, pages held by readers.
mod lock;
/// The engine against a plain map: random batches, readers held, reopening, defragmentation.
mod model;
/// Random histories of the key space against a plain map for every revision.
mod mvcc_model;
/// Databases that are only read: on a read-only file system, beside others, with nothing written.
mod read_only;
/// Data directories made from snapshots.
mod restore;
/// Files of real etcd servers behind our server.
mod served_fixtures;
/// A disk as a power loss sees it.
mod sim;
/// How large files are, as clients see them.
mod sizes;
/// Random numbers and the model that the engine's tests share.
mod support;
/// A small disk, and tests that are passed over.
#[path = "../support/mod.rs"]
mod system;
/// Logs and raft snapshot files of real etcd members.
mod wal;

use system::random;
