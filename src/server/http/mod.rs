//! Plain HTTP: health, version, metrics, the JSON gateway. Reads and writes the store through the gRPC services and
//! `Core` alone.

mod gateway;
mod json;
mod metrics;
mod probes;
mod route;

pub(super) use route::{Caller, answer};
