//! `etcdutl`: one file per command, as beside this folder. No command of it opens a connection.

pub mod context;
pub mod hashkv;
pub mod snapshot;
pub mod tree;

pub use context::Context;
pub use tree::{Command, parse, tree};
