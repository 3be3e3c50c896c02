//! The commands of `etcdutl`: one file per command. Only `live_cluster` opens connections.

pub mod context;
pub mod defrag;
pub mod dump;
pub mod hashkv;
pub mod live_cluster;
pub mod migrate;
pub mod restore;
pub mod restore_plan;
pub mod snapshot;
pub mod table;
pub mod wal;

pub use context::{Context, GlobalArgs};
