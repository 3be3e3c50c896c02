//! The library behind `etcdctl` and `etcdutl`: see ARCHITECTURE.md.
#![deny(unsafe_code)]

pub mod bolt;
pub mod cli;
pub mod client;
pub mod commands;
pub mod output;
pub mod proto;
pub mod schema;
pub mod server;
pub mod snapshot;
