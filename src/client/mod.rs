//! The gRPC client: endpoints, connections, failover, retries. Prints nothing, and exits nothing.

pub mod cause;
pub mod channel;
mod connect;
pub mod connection;
pub mod deadline;
pub mod dial;
mod embedded;
pub mod endpoint;
pub mod error;
mod not_grpc;
pub mod probe;
pub mod rpc;
pub mod stream;
pub mod tls;

pub use cause::Limit;
pub use channel::{Client, ClientOptions};
pub use deadline::Deadline;
pub use embedded::EmbeddedServers;
pub use endpoint::Endpoint;
pub use error::ClientError;
pub use stream::{Answers, Requests, StreamOptions};
pub use tls::Tls;
