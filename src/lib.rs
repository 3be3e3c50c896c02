//! The library behind `etcdctl` and `etcdutl`: see ARCHITECTURE.md.
#![deny(unsafe_code)]

pub mod bolt;
