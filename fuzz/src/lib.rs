//! What is fuzzed: each function takes any bytes and must neither panic, hang, nor use memory without bound. The same
//! functions run over the corpus as a plain test (`tests/engine/corpus.rs`).

#[path = "targets.rs"]
mod targets;

pub use targets::{bolt, offline, records, snapshot, wal};
