//! One file per command: its arguments, and an async function from [`crate::cli::context::Context`] and arguments to
//! a [`crate::output::Reply`].

pub mod alarm;
pub mod cluster;
pub mod compaction;
pub mod completion;
pub mod defrag;
pub mod del;
pub mod endpoint;
pub mod entry;
pub mod get;
pub mod help;
pub mod member;
pub mod options;
pub mod planned;
pub mod put;
pub mod range;
pub mod reference;
pub mod serve;
pub mod snapshot;
pub mod table;
pub mod txn;
pub mod utl;
pub mod version;
