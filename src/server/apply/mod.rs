//! From an operation to its effect on the server's state: layers for quota, alarms and auth around the
//! plain applier. Synchronous, called by the writer alone; commits nothing and answers nobody.

mod applier;
mod auth;
mod claim;
mod kv;
mod layers;
mod lease;
mod maintenance;
mod op;
mod state;

pub use applier::Applier;
pub use claim::{Space, SpaceClaim};
pub use layers::Apply;
pub use lease::RecordLeases;
pub use maintenance::{Compaction, RemoveRevisions};
pub use op::{Caller, Op, Request};
pub use state::{Ids, Start, State};
