//! The library behind `etcdctl` and `etcdutl`: a single-member etcd-compatible server, a client, and readers of etcd's
//! files.
//!
//! # A server for a test
//!
//! ```
//! use etcd_maintenance::server::embedded::Server;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = Server::temporary().await?;
//! let endpoint = server.listen("127.0.0.1:0").await?;
//! println!("any etcd client can connect to {endpoint}");
//! server.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! # A server with persistent data
//!
//! ```
//! use etcd_maintenance::server::{config::Config, embedded::Server};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! let mut config = Config::new(directory.path().join("data"));
//! // The names are those of the flags of `etcdctl serve`.
//! config.set("quota-backend-bytes", "16777216")?;
//! let server = Server::start(config).await?;
//! server.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! # Snapshots and database files
//!
//! ```no_run
//! let status = etcd_maintenance::snapshot::status("backup.db")?;
//! println!("{} live keys at revision {}", status.total_key, status.revision);
//! # Ok::<(), etcd_maintenance::snapshot::Error>(())
//! ```
//!
//! # Map
//!
//! | module | what it is |
//! |---|---|
//! | [`server`] | the server as an object: [`server::embedded::Server`], its settings, the store behind it |
//! | [`client`] | the client that `etcdctl` is built on: endpoints, TLS, retries, errors that name causes |
//! | [`snapshot`] | offline tools for snapshots, database files and data directories |
//! | [`proto`] | messages and generated clients of etcd's protocol |
//! | [`schema`] | buckets and records of etcd in a database file |
//! | [`bolt`] | bbolt's file format: readers for any file, and a storage engine |
//! | [`wal`] | etcd's write-ahead log and raft snapshot files |
//! | [`golang`] | what Go programs print and parse |
//! | [`files`], [`net`], [`process`] | files, connections and signals, for the modules above |
//!
//! # Features
//!
//! | feature | contents |
//! |---|---|
//! | `server` | [`server`] |
//! | `client` | [`client`]; with `server`, also its `embedded:` endpoints |
//! | `cli` (default) | the two programs, and both of the above |
//!
//! A test that needs only a server depends on this crate with `default-features = false, features = ["server"]`.
//!
//! ARCHITECTURE.md describes the dependencies between the modules and the invariants.
#![deny(unsafe_code)]

pub mod bolt;
#[cfg(feature = "cli")]
mod cli;
#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "cli")]
mod commands;
pub mod files;
pub mod golang;
pub mod net;
#[cfg(feature = "cli")]
mod output;
#[cfg(feature = "cli")]
pub mod process;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod program;
pub mod proto;
pub mod schema;
#[cfg(feature = "server")]
pub mod server;
pub mod snapshot;
pub mod wal;

#[cfg(feature = "cli")]
pub(crate) use cli::words::words;

/// The Rust examples of the README, compiled and run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
