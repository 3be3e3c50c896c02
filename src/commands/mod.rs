//! One file per command: `Args` and an async function from context and args to a `Reply`. Here is only the
//! list of them.

pub mod alarm;
pub mod cluster;
pub mod compaction;
pub mod completion;
pub mod defrag;
pub mod del;
pub mod documented;
pub mod endpoint;
pub mod get;
pub mod help;
pub mod later;
pub mod member;
pub mod options;
pub mod put;
pub mod range;
pub mod serve;
pub mod snapshot;
pub mod tree;
pub mod txn;
pub mod utl;
pub mod version;

pub use tree::{Command, frequent, parse, tree};
