//! The server's metrics under etcd's names, and the page with them in Prometheus' text format. Knows neither gRPC nor
//! the store: they update the metrics.

mod absent;
mod grpc;
mod process;
mod register;
mod registry;
mod store;

pub use grpc::{GrpcMetrics, Handling, Messages, MethodLabels};
pub use registry::{Metrics, State};
pub use store::{StoreMetrics, milliseconds};
