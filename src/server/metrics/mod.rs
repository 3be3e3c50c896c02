//! The server's metrics under etcd's names, and the page with them in Prometheus' text format. Knows neither gRPC nor
//! the store: they update the metrics.

mod grpc;
mod process;
mod registry;

pub use grpc::{GrpcMetrics, Handling, Messages, MethodLabels};
pub use registry::{Metrics, State};
