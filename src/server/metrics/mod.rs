//! What the server counts, under etcd's names, and its page of metrics in Prometheus' text format. Nothing here knows
//! the gRPC edge or the store: whoever does something counts it here.

mod grpc;
mod process;
mod registry;

pub use grpc::{GrpcMetrics, Handling, Messages, MethodLabels};
pub use registry::{Metrics, State};
