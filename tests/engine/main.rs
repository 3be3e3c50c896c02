//! The storage engine, the file formats and the offline tools.

/// Keys that only increase, like revisions.
mod appends;
/// The fuzzer's corpus, as a plain test.
mod corpus;
/// Power losses and kills at every step: always the old or the new state.
mod crash;
/// Every damaged file: the damage is reported, or the answer is etcdutl's.
mod damaged;
/// Data directories that are migrated and defragmented.
mod data_dirs;
/// `snapshot verify`.
mod examine;
/// A disk that is full or broken: what fails, what latches, what continues to work.
mod faults;
/// Access to the fixtures.
mod fixture_data;
/// Files of real etcd servers, compared with the output of etcd's own tools.
mod fixtures;
/// Files written by other programs, intact and damaged, opened for writing.
mod foreign;
/// The lock, leftover files, replaced files, pages held by readers.
mod lock;
/// The engine compared with a plain map: random batches, long-lived readers, reopening, defragmentation.
mod model;
/// Random histories of the key space, compared with a plain map for every revision.
mod mvcc_model;
/// Databases opened read-only: on a read-only file system, with other readers, with nothing written.
mod read_only;
/// Files with one record changed and a matching digest.
mod remade;
/// Data directories created from snapshots.
mod restore;
/// Snapshots recovered from damaged files.
mod salvage;
/// Files of real etcd servers, served by our server.
mod served_fixtures;
/// A disk with simulated power losses.
mod sim;
/// The sizes of files as seen by clients.
mod sizes;
/// Random numbers and the model shared by the engine's tests.
mod support;
/// A small disk, and tests that are skipped.
#[path = "../support/mod.rs"]
mod system;
/// Logs and raft snapshot files of real etcd members.
mod wal;

use system::random;
