//! Plain HTTP on the client port: health, version, metrics. Reads the core, never writes to it.

mod gateway;
mod metrics;
mod probes;
mod route;

pub(super) use route::answer;
