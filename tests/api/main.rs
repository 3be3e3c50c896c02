//! The wire, spoken with the generated clients. Each case is written once and runs on every target: our
//! server in memory, over TCP and with TLS, and a real etcd where one is present.
#![allow(clippy::print_stderr, reason = "a test that is passed over says so")]

#[path = "../support/mod.rs"]
mod support;
#[macro_use]
mod target;
/// Requests in short form, and assertions on refusals.
mod ask;

/// Users, roles, permissions, tokens, and what each RPC needs.
mod auth;
/// The list of members, and what a single member says to changes of it.
mod cluster;
/// Compaction: what is gone, what stays, and its refusals.
mod compaction;
/// Ours alone: the server as a library, its listeners, its end.
mod embedding;
/// JSON under `/v3/`.
mod gateway;
/// Put, range and delete, and every option of them.
mod kv;
/// Leases: grants, renewals, expiry, and the keys attached to them.
mod lease;
/// Sizes and numbers past which a request is refused.
mod limits;
/// Ours alone: clients that give up or read nothing, by the hundred.
mod load;
/// Locks and elections.
mod lock;
/// Status, alarms, defragmentation, hashes, and what an operator may ask of one member.
mod maintenance;
/// Ours alone: `serve` as a process.
mod process;
/// A database that is full, and the way out.
mod quota;
/// The snapshot stream.
mod snapshot;
/// Ours alone: listeners with TLS, and certificates that change.
mod tls;
/// Transactions: compares, operations in order, nesting, overlaps.
mod txn;
/// Watches.
mod watch;
/// Plain HTTP on the client port, and gRPC as far as it is not about keys.
mod wire;
