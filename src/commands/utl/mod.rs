//! The commands of `etcdutl`: one file per command. None of them opens a connection.

pub mod context;
pub mod defrag;
pub mod dump;
pub mod hashkv;
pub mod migrate;
pub mod restore;
pub mod snapshot;
pub mod table;
pub mod wal;

pub use context::{Context, GlobalArgs};
