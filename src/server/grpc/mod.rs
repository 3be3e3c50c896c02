//! The gRPC services on top of `Core`: framing, checks of requests, limits, deadlines, and the table of methods.
//! Accesses the store only through `Core`, and knows nothing of plain HTTP or sockets.

mod body;
mod call;
mod checks;
mod cluster;
mod dispatch;
#[cfg(test)]
mod echo;
mod election;
mod encoding;
mod head;
mod health;
mod kv;
mod lease;
mod lenient;
mod lock;
mod maintenance;
mod message;
mod methods;
mod queue;
mod ranges;
mod request_body;
mod services;
mod slow;
mod snapshot;
mod stream;
mod watch;

pub use body::Body;
pub use checks::{check_delete, check_put, check_range, check_txn};
pub(super) use dispatch::{dispatch, local};
pub(super) use head::binary_metadata;
pub use lenient::MAX_DEPTH;
pub(super) use message::{PREFIX, framed};
pub(super) use methods::{Method, MethodType, Row, labels};
pub(super) use request_body::RequestBody;
pub use services::{Listening, Services};
