//! Plain HTTP: health, version, metrics and the JSON gateway. Accesses the store only through the gRPC services and
//! `Core`.

mod accept;
mod gateway;
mod invalid;
mod json;
mod metrics;
mod path;
mod probes;
mod route;

pub(super) use route::{Caller, answer};
