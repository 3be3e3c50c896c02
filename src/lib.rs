//! The library behind `etcdctl` and `etcdutl`: see ARCHITECTURE.md.
#![deny(unsafe_code)]

pub mod bolt;
pub mod cli;
pub mod client;
pub mod commands;
pub mod files;
pub mod golang;
pub mod net;
pub mod output;
pub mod process;
pub mod program;
pub mod proto;
pub mod schema;
pub mod server;
pub mod snapshot;
pub mod wal;

/// The Rust of the README, compiled and run as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
