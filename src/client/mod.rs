//! The gRPC client: endpoints, connections, failover and retries. Prints nothing, and never exits the process.

mod access;
mod balancer;
pub mod cause;
pub mod channel;
pub mod chunks;
pub mod concurrency;
mod connect;
pub mod connection;
pub mod deadline;
pub mod dial;
pub mod discovery;
#[cfg(feature = "server")]
mod embedded;
#[cfg(not(feature = "server"))]
#[path = "no_embedded.rs"]
mod embedded;
pub mod endpoint;
pub mod error;
mod failure;
mod fragments;
mod http_response;
pub mod lease;
pub mod mirror;
mod monitor;
pub mod pages;
pub mod pairs;
pub mod probe;
mod proxy;
mod resolver;
mod retry;
pub mod rpc;
pub mod stream;
pub mod tls;
mod token;
pub mod watch;

pub use cause::Limit;
pub use channel::{Client, ClientOptions};
pub use deadline::Deadline;
pub use embedded::EmbeddedServers;
pub use endpoint::Endpoint;
pub use error::ClientError;
pub use stream::{Answers, Requests, StreamOptions};
pub use tls::Tls;
