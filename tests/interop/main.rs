//! Ours beside etcd's own programs: each test pairs one of ours with one of theirs.
//!
//! Without etcd's programs (`.ci/etcd` brings them) the tests that need them say that they are passed over; with
//! `ETCD_INTEROP=require` that is a failure. `ETCD_TEST_SELF=1` puts etcd's programs in the place of ours, to try
//! the tests themselves.

#[path = "../support/mod.rs"]
mod support;

/// Real etcd's programs among themselves: that the tests' own means work before ours are judged by them.
mod baseline;
/// Programs on etcd's Go client and on a Python client, against `serve`.
mod clients;
/// Disks without room: while writing, defragmenting, saving.
mod full_disk;
/// Random requests, to `serve` and to a real etcd: the same answers.
mod histories;
/// `serve` killed under load, again and again: nothing that was acknowledged is lost.
mod kill;
/// What older servers do not tell.
mod releases;
/// Snapshots of theirs read by ours, of ours read and restored by theirs.
mod snapshots;
/// Watches, leases, locks, elections, mirrors and tokens of our client library, also over connections that break.
mod streams;
/// The maintenance session, on every pair of client and server.
mod walkthrough;
