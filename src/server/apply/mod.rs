//! Applies operations to the server's state: layers for quota, alarms and auth around the plain applier. Synchronous,
//! and called only by the writer. Neither commits nor responds.

mod applier;
mod auth;
mod claim;
mod kv;
mod layers;
mod lease;
mod maintenance;
mod membership;
mod op;
mod state;

pub use applier::Applier;
pub use claim::{Space, SpaceClaim};
pub use layers::Apply;
pub use lease::RecordLeases;
pub use maintenance::{Compaction, RemoveRevisions};
pub use membership::{
    AddMember, FollowDowngrade, RemoveMember, SetDowngrade, UpdateMember, next_version,
};
pub use op::{Caller, Op, Request};
pub use state::{Ids, Start, State};
