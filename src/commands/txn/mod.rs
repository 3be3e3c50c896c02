//! `txn`: a transaction in lines, from a person or a pipe.

mod compare;
mod request;
#[allow(clippy::module_inception)]
mod txn;
mod words;

pub use txn::{TxnArgs, txn};
