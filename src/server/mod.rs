//! A complete single-member etcd-compatible server.
//! grpc -> core (single writer, readers) -> apply -> {mvcc, alarm, quota} -> bolt.

pub mod config;
pub mod core;
pub mod embedded;
pub mod error;
pub mod flags;
pub mod value;
