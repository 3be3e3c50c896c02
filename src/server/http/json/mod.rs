//! Protobuf's JSON mapping as used by etcd's gateway (google.golang.org/protobuf v1.36, encoding/protojson, with
//! `UseProtoNames` and `DiscardUnknown`). Converts messages between wire format and JSON by their descriptors, without
//! building Rust values. Knows nothing of HTTP.

mod read;
mod write;

pub use read::{Reader, encode, is_deep};
pub use write::print;
