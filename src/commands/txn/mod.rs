//! `txn`: a transaction read as lines from a terminal or a pipe.

mod compare;
mod request;
mod split;
#[allow(clippy::module_inception)]
mod txn;

pub use split::split;
pub use txn::{TxnArgs, txn};
