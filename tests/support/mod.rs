//! What the test binaries share: running a program to its end, starting servers (ours and real etcd's) on free
//! ports, peers that misbehave, holding a download at a known place, finding etcd's own programs, a small disk that fills up.
//!
//! Taken in with `#[path = "../support/mod.rs"] mod support;`. Nothing here asserts anything about the product:
//! it only brings about the situation that a test is about, and stops whatever it started.
#![allow(dead_code, reason = "each test binary uses its own part of this")]

pub mod authority;
pub mod etcd;
pub mod gate;
pub mod peer;
pub mod program;
pub mod random;
pub mod relay;
pub mod server;
pub mod skip;
pub mod small_disk;
pub mod target;
