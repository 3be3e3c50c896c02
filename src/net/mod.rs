//! Connection code shared by client and server. Knows neither gRPC nor etcd.

pub mod coalesce;
