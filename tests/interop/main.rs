//! Ours beside etcd's own programs: each test pairs one of ours with one of theirs.
//!
//! Without etcd's programs (`.ci/etcd` brings them) the tests that need them say that they are passed over; with
//! `ETCD_INTEROP=require` that is a failure.

#[path = "../support/mod.rs"]
mod support;

/// Real etcd's programs among themselves: that the tests' own means work before ours are judged by them.
mod baseline;
