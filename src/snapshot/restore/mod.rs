//! `snapshot restore`: creates a data directory from a snapshot, for one member of a new cluster.

mod copy;
mod error;
mod peers;
mod place;
mod run;
mod target;
mod v2_store;

use std::path::Path;

pub use error::Error;
pub use peers::Peers;
pub use place::Targets;
pub use run::{DEFAULT_MAP_SIZE, Outcome, Plan, RestoreOptions};
pub use target::Target;

/// The parent directory of a path.
fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    }
}
