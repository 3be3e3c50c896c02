//! The wire: messages and services generated from `proto/`. Nothing here is written by hand.
#![allow(clippy::all, missing_docs)]

/// The descriptors of all of it, encoded.
pub static DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// `KeyValue` and `Event` (`proto/kv.proto`).
pub mod mvccpb {
    tonic::include_proto!("mvccpb");
}
/// Users, roles, permissions (`proto/auth.proto`).
pub mod authpb {
    tonic::include_proto!("authpb");
}
/// Cluster version and member attributes in the log (`proto/membership.proto`).
pub mod membershippb {
    tonic::include_proto!("membershippb");
}
/// The lease record (`proto/lease.proto`).
pub mod leasepb {
    tonic::include_proto!("leasepb");
}
/// Every service on the client port, and the internal request (`proto/rpc.proto`, `proto/raft_internal.proto`).
pub mod etcdserverpb {
    tonic::include_proto!("etcdserverpb");
}
/// Entries, hard state and configuration of raft (`proto/raft.proto`).
pub mod raftpb {
    tonic::include_proto!("raftpb");
}
/// The records of the write-ahead log (`proto/wal.proto`).
pub mod walpb {
    tonic::include_proto!("walpb");
}
/// The envelope of a raft snapshot file (`proto/snap.proto`).
pub mod snappb {
    tonic::include_proto!("snappb");
}
/// The lock service (`proto/lock.proto`).
pub mod v3lockpb {
    tonic::include_proto!("v3lockpb");
}
/// The election service (`proto/election.proto`).
pub mod v3electionpb {
    tonic::include_proto!("v3electionpb");
}
