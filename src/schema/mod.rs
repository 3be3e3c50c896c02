//! etcd's buckets and record encodings. No other module knows them. Synchronous.

pub mod alarm;
pub mod auth;
pub mod bucket;
mod change;
pub mod counter;
mod error;
pub mod fresh;
pub mod hash;
pub mod hashkv;
pub mod ids;
pub mod key;
pub mod lease;
pub mod membership;
pub mod meta;
mod version;
pub(crate) mod wire;

pub use change::Change;
pub use error::{RecordError, show_key};
pub use version::Version;
