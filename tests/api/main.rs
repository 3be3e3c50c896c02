//! The protocol, spoken with the generated clients. Each case is written once and runs on every target: our server in
//! memory, over TCP and with TLS, and a real etcd if there is one.
#![allow(clippy::print_stderr, reason = "a test that is passed over says so")]

#[path = "../support/mod.rs"]
mod support;
#[macro_use]
mod target;
/// Requests in short form, and assertions about errors.
mod ask;

/// Users, roles, permissions, tokens, and what each RPC needs.
mod auth;
/// The member list, and the responses of a single member to changes of it.
mod cluster;
/// Compaction: what is removed, what stays, and its errors.
mod compaction;
/// Ours only: the server as a library, its listeners, and stopping it.
mod embedding;
/// Clients that send many tiny frames.
mod floods;
/// HTTP/2 frames.
mod frames;
/// Messages on the wire: how many, how they are cut, and how they are compressed.
mod framing;
/// JSON under `/v3/`.
mod gateway;
/// Plain HTTP as Go's server reads it.
mod http;
/// Put, range and delete, with all their options.
mod kv;
/// Leases: grants, renewals, expiry, and the keys attached to them.
mod lease;
/// Sizes and numbers above which a request is rejected.
mod limits;
/// Ours alone: clients that give up or read nothing, by the hundred.
mod load;
/// Locks and elections.
mod lock;
/// Status, alarms, defragmentation, hashes, and other requests to a single member.
mod maintenance;
/// Ours only: `serve` as a process.
mod process;
/// A full database, and the recovery.
mod quota;
/// The snapshot stream.
mod snapshot;
/// Listeners with TLS, certificates that change, and the identities of clients.
mod tls;
/// Transactions: compares, operations in order, nesting, overlaps.
mod txn;
/// Watches.
mod watch;
/// Plain HTTP on the client port, and gRPC apart from keys.
mod wire;
