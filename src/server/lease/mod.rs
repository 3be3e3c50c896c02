//! Leases: granting, renewing, expiring, and which keys are attached to them. Synchronous; the lessor sends nothing
//! and writes nothing itself. Source: etcd v3.7.1, server/lease.

mod group;
mod ids;
mod lessor;
mod restore;
mod table;

pub use group::Group;
pub use ids::IdGenerator;
pub use lessor::{Counts, Lessor, Status};
pub use restore::{Downtime, Restored};
pub use table::{Due, Limits, Renewal};
