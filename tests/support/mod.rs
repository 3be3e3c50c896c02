//! What the test programs share: running a program to completion, starting servers (ours and real etcd's) on free
//! ports, misbehaving peers, stopping a download at a known point, finding etcd's own programs, and a small disk that
//! can be filled.
//!
//! Included with `#[path = "../support/mod.rs"] mod support;`. Asserts nothing about the product: it only sets up the
//! situation that a test is about, and stops whatever it started.
#![allow(dead_code, reason = "each test binary uses its own part of this")]

pub mod authority;
pub mod background;
pub mod cluster;
pub mod compare;
pub mod etcd;
pub mod fifo;
pub mod fixtures;
pub mod gate;
pub mod masks;
pub mod name_server;
pub mod peer;
pub mod program;
pub mod protobuf;
pub mod random;
pub mod relay;
pub mod rules;
pub mod server;
pub mod skip;
pub mod small_disk;
pub mod target;
