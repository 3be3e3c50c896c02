//! Our programs together with etcd's: each test combines one of ours with one of theirs.
//!
//! Tests that need etcd's programs (`.ci/etcd` downloads them) report that they are skipped if these are missing; with
//! `ETCD_INTEROP=require` that is a failure. `ETCD_TEST_SELF=1` runs etcd's programs instead of ours, to check the
//! tests themselves.

#[path = "../support/mod.rs"]
mod support;

/// Real etcd's programs with each other: checks the test setup before ours are judged by it.
mod baseline;
/// Programs using etcd's Go client and a Python client, with `serve`.
mod clients;
/// Our etcdctl while members die, leaders change and networks stall.
mod faults;
/// Full disks: while writing, defragmenting and saving.
mod full_disk;
/// Random requests to `serve` and to a real etcd, with identical responses.
mod histories;
/// `serve` killed repeatedly under load: no acknowledged write is lost.
mod kill;
/// Several hundred command lines, run by etcdctl and by ours, with identical output.
mod parity;
/// What older servers do not report.
mod releases;
/// Clusters of three members that were restored.
mod restored;
/// Damaged snapshots, salvaged by ours and started by etcd.
mod salvaged;
/// Snapshots from etcd read by ours, and ours read and restored by etcd's tools.
mod snapshots;
/// Mixed load for a while: memory stays level, and every descriptor is given back.
mod soak;
/// A network that stalls for longer than the default time limit, and one that is slow.
mod stalls;
/// Watches, leases, locks, elections, mirrors and tokens of our client library, including over connections that break.
mod streams;
/// The maintenance session with every pair of client and server.
mod walkthrough;
/// A recorded history with watches and leases, `serve` killed in between: everything fits together.
mod watched;
