//! The gRPC services over `Core`: framing, checks of requests, limits, deadlines, the table of methods.
//! Nothing here reads or writes the store but through `Core`.

mod body;
mod checks;
mod cluster;
mod deadline;
mod dispatch;
mod health;
mod kv;
mod maintenance;
mod message;
mod ranges;
mod snapshot;

pub use body::Body;
pub use checks::{check_delete, check_put, check_range, check_txn};
pub(super) use dispatch::{Method, Services, dispatch, local, unknown};
pub(super) use message::PREFIX;
