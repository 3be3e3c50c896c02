//! Connection code shared by client and server. Knows nothing of etcd.

pub mod coalesce;
pub mod small_frames;
