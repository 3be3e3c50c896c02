//! Protobuf's JSON mapping as etcd's gateway uses it (google.golang.org/protobuf v1.36, encoding/protojson, with
//! `UseProtoNames` and `DiscardUnknown`): messages are translated between their wire form and JSON by the descriptors,
//! without ever being Rust values. Knows nothing of HTTP.

mod read;
mod write;

pub use read::{Reader, encode};
pub use write::print;
