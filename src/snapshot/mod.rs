//! Offline tools over snapshot and database files. Opens no connection.

pub mod data_dir;
pub mod dump;
mod error;
pub mod examine;
mod facts;
mod hash_kv;
mod key_set;
mod live_keys;
mod open;
mod records;
pub mod restore;
pub mod salvage;
mod small_records;
mod status;
mod verify;

pub use error::{Error, IntegrityError};
pub use facts::{Facts, facts};
pub use hash_kv::{HashKv, hash_kv, hash_kv_compacted};
pub use live_keys::{LiveKeys, live_keys};
pub use open::{SnapshotFile, Trailer, exists};
pub use records::{Item, Records, Visitor, inspect};
pub use status::{Status, status};
pub use verify::verify;

use crate::schema::show_key;
