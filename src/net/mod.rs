//! What the client and the server share about connections. Knows neither gRPC nor etcd.

pub mod coalesce;
