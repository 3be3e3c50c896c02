//! Locks and elections over keys with leases, laid out as etcd's Go client lays them out, so that both work together
//! (etcd v3.7.1, client/v3/concurrency).

mod election;
mod error;
mod key;
mod mutex;
mod session;

pub use election::{Election, Observer};
pub use error::ConcurrencyError;
pub use mutex::Mutex;
pub use session::Session;
