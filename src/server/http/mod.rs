//! Plain HTTP on the client port: health, version, metrics. Reads the core, never writes to it.

mod counters;
mod gateway;
mod metrics;
mod probes;
mod route;

pub use counters::Counters;
pub(super) use route::answer;
