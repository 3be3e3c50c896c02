//! `snapshot restore`: creates a data directory from a snapshot, for one member of a new cluster.

mod candidate;
mod copy;
mod error;
pub mod machine;
mod page;
mod peers;
mod place;
mod run;
mod target;
mod v2_store;

pub use candidate::{Candidate, sha256_of};
pub use error::Error;
pub use page::{Page, PageOptions, Service, Step, StepKind, shell};
pub use peers::Peers;
pub use place::Targets;
pub use run::{DEFAULT_MAP_SIZE, Outcome, Plan, RestoreOptions};
pub use target::Target;
