//! The replies: one file for each etcd service, and for the commands that need no server. `part.rs` is shared by replies
//! that are written in parts.

pub mod auth;
pub mod check;
pub mod cluster;
pub mod dump;
pub mod endpoint;
pub mod kv;
pub mod lease;
pub mod maintenance;
pub mod part;
pub mod restore;
pub mod restore_keys;
pub mod restore_plan;
pub mod salvage;
pub mod snapshot;
pub mod verify;
pub mod version;
pub mod watch;
