//! Plain HTTP: health, version, metrics and the JSON gateway. Accesses the store only through the gRPC services and
//! `Core`.

mod gateway;
mod json;
mod metrics;
mod probes;
mod route;

pub(super) use route::{Caller, answer};
