//! Locks and elections, based on keys with leases. Compatible with those of etcd's Go client (etcd v3.7.1,
//! client/v3/concurrency).

mod election;
mod error;
mod key;
mod mutex;
mod session;

pub use election::{Election, Observer};
pub use error::ConcurrencyError;
pub use mutex::Mutex;
pub use session::Session;
