//! A complete single-member etcd-compatible server.
//! grpc -> core (single writer, readers) -> apply -> {mvcc, alarm, quota} -> bolt.

mod address;
pub mod alarms;
pub mod apply;
pub mod auth;
pub mod backend;
pub mod compaction;
pub mod compactor;
pub mod config;
pub mod connection;
pub mod context;
pub mod core;
pub mod embedded;
pub mod error;
pub mod flags;
pub mod grpc;
pub mod heavy;
mod http;
pub mod lease;
pub mod lifecycle;
pub mod loggable;
mod meter;
pub mod metrics;
pub mod mvcc;
pub mod queue;
pub mod quota;
pub mod shared;
mod tls;
pub mod unsent;
pub mod value;
mod woken;
pub mod writer;
